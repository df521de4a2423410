"""One run of another tool in a process of its own. Prints one line of JSON."""

import json
import resource
import sys
import time
import warnings

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")
task, kind, reference, window, profile_name = sys.argv[1:6]
profile = json.load(open(profile_name))


def read(path):
    return pd.read_parquet(path) if kind == "parquet" else pd.read_csv(path)


def binned():
    """Counts into the bins of the stored profile, then PSI, Jensen-Shannon, chi-square and KS on the bins."""
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import chi2_contingency

    current = read(window)
    for column in profile["columns"]:
        values = current[column["name"]]
        missing = int(values.isna().sum())
        if column["kind"] == "numeric":
            x = values.to_numpy(dtype=float)
            x = x[np.isfinite(x)]
            edges = np.array(column["fineEdges"])
            now = np.bincount(np.searchsorted(edges, x, side="left"), minlength=len(edges) + 1)
            before = np.array(column["fineCounts"])
            ks = np.abs(np.cumsum(now) / now.sum() - np.cumsum(before) / before.sum()).max()
        else:
            counts = values.value_counts()
            names = [known["value"] for known in column["domain"]]
            now = counts.reindex(names, fill_value=0).to_numpy()
            before = np.array([known["count"] for known in column["domain"]])
        keep = (now + before) > 0
        now, before = now[keep], before[keep]
        p = (now + 0.5) / (now.sum() + 0.5 * len(now))
        q = (before + 0.5) / (before.sum() + 0.5 * len(before))
        psi = float(((p - q) * np.log(p / q)).sum())
        js = jensenshannon(now / now.sum(), before / before.sum(), base=2)
        chi2 = chi2_contingency([now, before])
    return f"{len(profile['columns'])} columns"


def exact():
    """KS and Wasserstein of all values, which need the reference itself; chi-square for categories."""
    from scipy.stats import chi2_contingency, ks_2samp, wasserstein_distance

    before, now = read(reference), read(window)
    for column in profile["columns"]:
        a, b = before[column["name"]].dropna(), now[column["name"]].dropna()
        if column["kind"] == "numeric":
            ks_2samp(a, b, method="asymp")
            wasserstein_distance(a, b)
        else:
            table = pd.concat([a.value_counts(), b.value_counts()], axis=1).fillna(0)
            chi2_contingency(table.T)
    return f"{len(profile['columns'])} columns"


def evidently():
    """The data-drift preset as it comes, which reads and profiles its reference on every run."""
    from evidently import Dataset, Report
    from evidently.presets import DataDriftPreset

    before, now = read(reference), read(window)
    Report([DataDriftPreset()]).run(
        current_data=Dataset.from_pandas(now), reference_data=Dataset.from_pandas(before)
    ).dict()
    return "preset"


began = time.perf_counter()
said = {"binned": binned, "exact": exact, "evidently": evidently}[task]()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(
    json.dumps(
        {
            "seconds": time.perf_counter() - began,
            "peakMb": peak / (1024 * 1024 if sys.platform == "darwin" else 1024),
            "said": said,
        }
    )
)
