def test_without_a_stage_the_usage_is_printed(command):
    done = command()
    assert done.returncode == 2
    assert "usage: python -m feature_diversity STAGE" in done.stdout
    assert "pretrain" in done.stdout


def test_help_lists_the_stages(command):
    done = command("--help")
    assert done.returncode == 0
    assert "figures" in done.stdout


def test_an_unknown_stage_names_those_there_are(command):
    done = command("pretrian")
    assert done.returncode == 2
    assert done.stderr.startswith("error: unknown stage 'pretrian'; choose from plan, data, pretrain,")
