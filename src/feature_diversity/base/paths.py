"""Where things are: the parts of the checkout, and every file of a study's results."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]
ALGORITHMS = PACKAGE / "algorithms"
SOURCES = PACKAGE / "data" / "sources"  # of data sets

CHECKOUT = PACKAGE.parents[1]  # the commands that need more than the package say so where there is none
CONFIG = CHECKOUT / "config.yaml"
STUDIES = CHECKOUT / "workflow" / "studies"
SCHEMAS = CHECKOUT / "workflow" / "schemas"

# In the folder of a study
DATA = "data.safetensors"
HELD_OUT = "held_out.csv"
PIXELS = "pixels.json"
RESULTS_CSV, RESULTS_PARQUET = "results.csv", "results.parquet"
IMAGE_COUNTS = "image_counts.csv"  # of studies with measure_images: measures by the number of images
CLAIMS = "claims.csv"
PREDICTION = "prediction.csv"
INTERVENTION = "intervention.csv"  # of studies that set the diversity of a layer
FIGURES = "figures"
NOTES = "notes.json"  # in the folder of the figures
SUMMARY, VERDICTS = "summary.txt", "verdicts.txt"  # ten lines, and all of it
REPORT, PROVENANCE = "report.html", "provenance.json"
LOGS, BENCHMARKS = "logs", "benchmarks"
TRAININGS = "trainings"  # the study's own store of them

# In the folder of a run
MODEL, HISTORY = "model.safetensors", "history.csv"
FEATURES = "features"
ORIGIN = "model.txt"  # in the folder of the features: which model they are of
SECOND = "second"  # in the folder of the features: those of the second held-out images
FURTHER = "further"  # in the folder of the features: those of further images, pooled
ENERGY, MEASURES = "energy.csv", "measures.csv"
LINEAR = "linear.json"
OUTCOMES = "outcomes.json"  # of studies that ask for more than the error on clean images
