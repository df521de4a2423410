"""What numpy, scipy and scikit-learn say of the same data: one JSON document on standard output."""

import csv
import json
import sys

import numpy as np
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn import metrics

baseline_file, window_file, predictions_file, amounts_file = sys.argv[1:5]
BINS = 10


def columns(path):
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    return {name: [row[i] for row in rows[1:]] for i, name in enumerate(rows[0])}


def shares(counts):
    return np.asarray(counts) / np.sum(counts)


def distances(ref, cur):
    keep = (np.asarray(ref) + np.asarray(cur)) > 0
    ref, cur = np.asarray(ref)[keep], np.asarray(cur)[keep]
    q, p = shares(ref), shares(cur)
    smooth = lambda counts: (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    ps, qs = smooth(cur), smooth(ref)
    return {
        "psi": float(np.sum((ps - qs) * np.log(ps / qs))),
        "jsDistance": float(jensenshannon(p, q, base=2)),
        "jsDistanceNat": float(jensenshannon(p, q)),
        "hellinger": float(np.linalg.norm(np.sqrt(p) - np.sqrt(q)) / np.sqrt(2)),
        "tvd": float(np.sum(np.abs(p - q)) / 2),
    }


def homogeneity(ref, cur):
    """Only where no expected count is small: small ones are pooled by a rule that scipy does not have."""
    table = np.array([ref, cur])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2 or stats.contingency.expected_freq(table).min() < 5:
        return {}
    found = stats.chi2_contingency(table, correction=False)
    return {
        "chi2": float(found.statistic),
        "chi2Df": int(found.dof),
        "chi2P": float(found.pvalue),
        "cramersV": float(stats.contingency.association(table, method="cramer")),
    }


def numeric(ref, cur):
    ref, cur = (np.array([float(x) for x in values if x != ""]) for values in (ref, cur))
    edges = sorted(
        {float(np.quantile(ref, np.float64(i) / BINS, method="inverted_cdf")) for i in range(1, BINS)}
    )
    if edges[0] == ref.min():
        edges.insert(0, float(np.nextafter(ref.min(), -np.inf)))
    counts = [np.bincount(np.searchsorted(edges, x, side="left"), minlength=len(edges) + 1) for x in (ref, cur)]
    exact = stats.ks_2samp(ref, cur, method="asymp")
    n, m = len(ref), len(cur)
    return {
        "nRef": n,
        "nCur": m,
        "edges": edges,
        "countsRef": counts[0].tolist(),
        "countsCur": counts[1].tolist(),
        "ks": float(exact.statistic),
        "ksPOfLower": None,
        "wasserstein": float(stats.wasserstein_distance(ref, cur)),
        "meanRef": float(ref.mean()),
        "meanCur": float(cur.mean()),
        "stdRef": float(ref.std()),
        "belowRefMin": int((cur < ref.min()).sum()),
        "aboveRefMax": int((cur > ref.max()).sum()),
        **distances(*counts),
        **homogeneity(*counts),
    }


def categorical(ref, cur):
    ref, cur = ([x for x in values if x != ""] for values in (ref, cur))
    keys = sorted(set(ref) | set(cur))
    counts = [[values.count(key) for key in keys] for values in (ref, cur)]
    return {"nRef": len(ref), "nCur": len(cur), **distances(*counts), **homogeneity(*counts)}


def missing_share(ref, cur):
    x, n = ref.count(""), len(ref)
    y, m = cur.count(""), len(cur)
    pooled = (x + y) / (n + m)
    if pooled in (0, 1):
        return {"pValue": 1.0}
    z = (y / m - x / n) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    first, second = (stats.binomtest(k, size).proportion_ci(0.95, method="wilson") for k, size in ((x, n), (y, m)))
    difference = y / m - x / n
    return {
        "pValue": float(2 * stats.norm.sf(abs(z))),
        "lower": float(difference - np.hypot(y / m - second.low, first.high - x / n)),
        "upper": float(difference + np.hypot(second.high - y / m, x / n - first.low)),
    }


def of_model(label, score):
    decision = score >= 0.5
    return {
        "roc_auc": metrics.roc_auc_score(label, score),
        "pr_auc": metrics.average_precision_score(label, score),
        "accuracy": metrics.accuracy_score(label, decision),
        "precision": metrics.precision_score(label, decision),
        "recall": metrics.recall_score(label, decision),
        "f1": metrics.f1_score(label, decision),
        "log_loss": metrics.log_loss(label, score),
        "brier": metrics.brier_score_loss(label, score),
        "mcc": metrics.matthews_corrcoef(label, decision),
        "ece": calibration_error(label, score),
    }


def calibration_error(label, score):
    """Ten bins of equal width; scikit-learn has the curve, and not its mean distance."""
    place = np.minimum((score * 10).astype(int), 9)
    found = [(place == k) for k in range(10) if (place == k).any()]
    return sum(abs(label[of].sum() - score[of].sum()) for of in found) / len(label)


def of_amounts(label, score):
    return {
        "rmse": metrics.root_mean_squared_error(label, score),
        "mae": metrics.mean_absolute_error(label, score),
        "mape": metrics.mean_absolute_percentage_error(label, score),
        "r2": metrics.r2_score(label, score),
    }


baseline, window = columns(baseline_file), columns(window_file)
compared = {}
for name in baseline:
    kind = categorical if name.startswith("text") else numeric
    compared[name] = {
        **kind(baseline[name], window[name]),
        "missingShare": missing_share(baseline[name], window[name]),
    }
told = json.loads(sys.stdin.read())
# Benjamini and Hochberg's adjustment of our own p values.
adjusted = stats.false_discovery_control(told["pValues"], method="bh").tolist()
for name, (distance, n, m) in told["ksLower"].items():
    compared[name]["ksPOfLower"] = float(stats.kstwobign.sf(np.sqrt(n * m / (n + m)) * distance))

MODELS = ("champion", "candidate")


def numbers(of, name):
    return np.array([float(x) for x in of[name]])


def judged(path, by):
    scored = columns(path)
    label = numbers(scored, "label")
    return {name: {k: float(v) for k, v in by(label, numbers(scored, name)).items()} for name in MODELS}


print(
    json.dumps(
        {
            "columns": compared,
            "adjusted": adjusted,
            "models": judged(predictions_file, of_model),
            "amounts": judged(amounts_file, of_amounts),
        }
    )
)
