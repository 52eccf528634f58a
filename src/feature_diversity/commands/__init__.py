"""Commands that no rule of the workflow calls: plan, stale, clean_resume, export."""
