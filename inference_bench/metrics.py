"""Every metric, declared once: tag, unit, direction, formula and source.

A *sampled* metric has observed values: integers (nanoseconds or bytes), stored in Parquet and summarised by their
median. A *derived* metric has a ``derived_from`` and is a monotone function of a sampled one: it is computed from that
metric's summary and has no samples of its own, so the two always agree. A *scored* metric has a ``statistic`` other
than the median: each item of a data set has one score, summarised by their mean, maximum, or the slope of their trend.

Let a generation of ``n`` new tokens start at ``t[0]`` (the prompt's token ids are ready on the host) and let ``t[i]``
be the instant when token ``i`` (1-based) has arrived on the host; in a batch, when it has arrived for every row.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from inference_bench.errors import UnknownNameError


class Statistic(StrEnum):
    """The figure that stands for many values."""

    MEDIAN = "median"
    MEAN = "mean"
    GEOMETRIC_MEAN = "geometric mean"
    MAXIMUM = "maximum"
    SLOPE = "slope"


class Replicate(StrEnum):
    """What is measured anew each time, so that its spread says how far a figure can be believed."""

    PROCESS = "process"
    ITEM = "item"
    """The item of a data set: every process gives the same scores."""


class Quantity(StrEnum):
    """What a metric is a figure of; a finding counts only against quantities that it can move."""

    TIME = "time"
    MEMORY = "memory"
    OUTPUT = "output"
    """What the model computes."""


RATIO = "1"
"""The unit of a ratio that no whole bounds, such as a relative error; a ``fraction`` is a share, from 0 to 1."""

ROUNDING_NATS = 5e-6
"""KL per token that the order of additions makes in float32. Measured on SmolLM2-135M, llama.cpp and torch: 9e-7."""

_QUANTITIES = {
    **dict.fromkeys(("ns", "tokens/s", "requests/s", "embeddings/s", "items/s", "bytes/s", "FLOP/s"), Quantity.TIME),
    **dict.fromkeys(("bytes", "bytes/parameter"), Quantity.MEMORY),
    **dict.fromkeys(("fraction", RATIO, "bits/byte", "1/token", "nats/token", "logits", "tokens"), Quantity.OUTPUT),
}
"""Unit → quantity, of metrics that do not say it themselves."""


class Better(StrEnum):
    """The direction in which a metric improves."""

    LOWER = "lower"
    HIGHER = "higher"


@dataclass(frozen=True, slots=True)
class Metric:
    """A named quantity.

    Attributes:
        tag: stable identifier, the spelling used in every file.
        title: heading for people.
        unit: ``ns``, ``bytes``, ``tokens/s``, ``fraction`` …, as written in every file.
        better: the direction in which it improves.
        formula: the definition.
        source: where the definition comes from.
        derived_from: tag of the sampled metric that this one is a function of, or None.
        statistic: the figure that stands for many values; a slope is over the items in their order.
        overview: whether it is a key metric: of several lengths side by side, and in progress lines.
        replicate: what differs between two figures of one configuration: fresh processes, or the items of a data set.
        of_time: whether it is a figure of time although its unit does not say so.
        threaded: whether the threads of the set-up are meant to work for it.
        of_machine: whether it says how far the machine is used: shown in a line of its own, not among the figures.
        of_client: whether it describes what sends the load and not what answers: no comparison judges it unasked.
        noun: what it is called in a sentence; empty for its title.
    """

    tag: str
    title: str
    unit: str
    better: Better
    formula: str
    source: str
    derived_from: str | None = None
    statistic: Statistic = Statistic.MEDIAN
    overview: bool = False
    replicate: Replicate = Replicate.PROCESS
    of_time: bool = False
    threaded: bool = True
    of_client: bool = False
    of_machine: bool = False
    noun: str = ""

    @property
    def quantity(self) -> Quantity:
        """What this is a figure of."""
        return Quantity.TIME if self.of_time else _QUANTITIES[self.unit]


_MLPERF = "MLPerf Inference rules, LLM server metrics (TTFT, TPOT)"
_FIELD = "common usage of serving benchmarks (inter-token latency)"
_LLAMA_BENCH = "llama-bench of llama.cpp (tools/llama-bench, b10605)"
_RATES = "common usage of serving benchmarks and llama-bench (tokens per second of prompt and of generation)"
_SHAPES = "shapes of the cached keys and values"
_HARNESS = "lm-evaluation-harness"
_OWN = "this project"
_LINUX = "Linux proc(5)"
_BANDWIDTH = "Databricks 2023, LLM Inference Performance Engineering (MBU)"
_OPERATIONS = "Chowdhery et al. 2022, PaLM (MFU); two operations per multiply-add"
_PRODUCTS = "rate of large products of matrices, measured in the framework with the same dtype and threads"
_NORMS = "Higham 2002, normwise relative error"
_SERVING = "common usage of serving benchmarks (output, total and request throughput)"

_ALL = (
    Metric(
        "ttft",
        "TTFT",
        "ns",
        Better.LOWER,
        "t[1] - t[0]: prefill of the prompt and the first token",
        _MLPERF,
        overview=True,
        noun="prefill",
    ),
    Metric("tpot", "TPOT", "ns", Better.LOWER, "(t[n] - t[1]) / (n - 1), one per generation", _MLPERF),
    Metric("itl", "ITL", "ns", Better.LOWER, "t[i] - t[i-1] for i = 2..n, one per decode step", _FIELD, noun="decode"),
    Metric("e2e", "end to end", "ns", Better.LOWER, "t[n] - t[0]", _MLPERF),
    Metric(
        "prefill_rate",
        "prefill",
        "tokens/s",
        Better.HIGHER,
        "input_length / ttft",
        _RATES,
        derived_from="ttft",
    ),
    Metric(
        "decode_rate",
        "decode",
        "tokens/s",
        Better.HIGHER,
        "1 / itl, batch 1",
        _RATES,
        derived_from="itl",
        overview=True,
    ),
    Metric(
        "call_time",
        "call",
        "ns",
        Better.LOWER,
        "end of the function's call minus its beginning",
        _OWN,
        threaded=False,
    ),
    Metric(
        "item_rate",
        "items",
        "items/s",
        Better.HIGHER,
        "batch size / call_time",
        _SERVING,
        derived_from="call_time",
    ),
    Metric(
        "rss_peak_sampled",
        "peak RSS (sampled)",
        "bytes",
        Better.LOWER,
        "largest resident set size seen by the sampler during the phase",
        _LINUX + ", /proc/self/statm",
    ),
    Metric(
        "rss_peak_hwm",
        "peak RSS (kernel)",
        "bytes",
        Better.LOWER,
        "kernel high-water mark of the resident set, reset where the phase begins",
        _LINUX + ", VmHWM and clear_refs",
        overview=True,
        noun="memory",
    ),
    Metric(
        "rss_growth",
        "RSS growth",
        "bytes",
        Better.LOWER,
        "resident set size at the phase's end minus at its beginning",
        _LINUX + ", /proc/self/statm",
    ),
    # Inference speed, batches, loading, memory
    Metric(
        "forward_time",
        "forward",
        "ns",
        Better.LOWER,
        "one forward pass of an encoder, until its end",
        _OWN,
        overview=True,
    ),
    Metric(
        "embedding_rate",
        "embeddings",
        "embeddings/s",
        Better.HIGHER,
        "batch size / forward_time",
        _OWN,
        derived_from="forward_time",
    ),
    Metric(
        "encode_rate",
        "encode rate",
        "tokens/s",
        Better.HIGHER,
        "batch size x input_length / forward_time",
        _OWN,
        derived_from="forward_time",
    ),
    Metric(
        "output_throughput",
        "output rate",
        "tokens/s",
        Better.HIGHER,
        "batch size x new_tokens / e2e",
        _SERVING,
        derived_from="e2e",
        overview=True,
    ),
    Metric(
        "total_throughput",
        "output + prompt rate",
        "tokens/s",
        Better.HIGHER,
        "(prompt tokens without padding + batch size x new_tokens) / e2e",
        _SERVING,
        derived_from="e2e",
    ),
    Metric(
        "padded_throughput",
        "padded rate",
        "tokens/s",
        Better.HIGHER,
        "(prompt tokens with padding + batch size x new_tokens) / e2e: what was computed, useful or not",
        _OWN,
        derived_from="e2e",
    ),
    Metric(
        "request_throughput",
        "request rate",
        "requests/s",
        Better.HIGHER,
        "batch size / e2e",
        _SERVING,
        derived_from="e2e",
    ),
    Metric(
        "batch_agreement",
        "batch agreement",
        "fraction",
        Better.HIGHER,
        "share of a row's tokens, up to the first that differs, that the prompt also gets at batch 1; mean of the rows",
        _OWN,
        statistic=Statistic.MEAN,
        replicate=Replicate.ITEM,
    ),
    Metric(
        "load_time",
        "load time",
        "ns",
        Better.LOWER,
        "duration of one step, each in a fresh process; total: boot + load + first_call, without the time between them",
        _OWN,
        overview=True,
        noun="loading",
    ),
    Metric(
        "weights_cached",
        "weights cached",
        "bytes",
        Better.LOWER,
        "pages of the weights files that the page cache holds as loading begins",
        "Linux mincore(2)",
    ),
    Metric(
        "pss_end",
        "PSS",
        "bytes",
        Better.LOWER,
        "proportional set size at the phase's end: a page shared by n processes counts 1/n",
        _LINUX + ", smaps_rollup",
    ),
    Metric(
        "uss_end",
        "USS",
        "bytes",
        Better.LOWER,
        "unique set size at the phase's end: pages of this process alone",
        _LINUX + ", smaps_rollup",
    ),
    Metric(
        "kv_cache_formula",
        "KV cache (formula)",
        "bytes",
        Better.LOWER,
        "tokens added in the phase x 2 x layers x KV heads x head size x bytes per element",
        _SHAPES,
    ),
    Metric(
        "device_allocated_peak",
        "peak device memory (allocated)",
        "bytes",
        Better.LOWER,
        "most that the phase's tensors occupied on the device",
        "torch.cuda.max_memory_allocated",
    ),
    Metric(
        "device_reserved_peak",
        "peak device memory (reserved)",
        "bytes",
        Better.LOWER,
        "most that the framework's allocator held on the device during the phase",
        "torch.cuda.max_memory_reserved",
    ),
    Metric(
        "device_growth",
        "device memory growth",
        "bytes",
        Better.LOWER,
        "memory of tensors on the device at the phase's end minus at its beginning",
        "torch.cuda.memory_allocated",
    ),
    Metric(
        "device_used",
        "device memory used",
        "bytes",
        Better.LOWER,
        "used memory of the whole device, by all processes, at the phase's end",
        "NVML nvmlDeviceGetMemoryInfo",
    ),
    Metric(
        "bytes_per_parameter",
        "bytes per parameter",
        "bytes/parameter",
        Better.LOWER,
        "growth from the framework's import to the load's end (RSS; on a GPU, memory of tensors) / parameters",
        _OWN,
        statistic=Statistic.MEAN,
    ),
    Metric(
        "leak_slope",
        "growth per repetition",
        "bytes",
        Better.LOWER,
        "Theil-Sen slope of the memory held after each repetition (RSS; on a GPU, memory of tensors)",
        "Sen 1968",
        statistic=Statistic.SLOPE,
    ),
    # What the passes ask for, over their time: the model's demands (decision 67)
    Metric(
        "achieved_bandwidth",
        "read bandwidth",
        "bytes/s",
        Better.HIGHER,
        "bytes that a decode step must read (weights once, keys and values of each row at the mean context) / itl",
        _BANDWIDTH,
        derived_from="itl",
        of_machine=True,
    ),
    Metric(
        "decode_flop_rate",
        "decode operations",
        "FLOP/s",
        Better.HIGHER,
        "operations of a decode step at the mean context, all rows / itl",
        _OPERATIONS,
        derived_from="itl",
        of_machine=True,
    ),
    Metric(
        "prefill_flop_rate",
        "prefill operations",
        "FLOP/s",
        Better.HIGHER,
        "operations of the prompt, padding included, and of one position through the head / ttft",
        _OPERATIONS,
        derived_from="ttft",
        of_machine=True,
    ),
    Metric(
        "forward_flop_rate",
        "operations",
        "FLOP/s",
        Better.HIGHER,
        "operations of an encoder's pass / forward_time",
        _OPERATIONS,
        derived_from="forward_time",
        of_machine=True,
    ),
    Metric(
        "mbu",
        "MBU",
        RATIO,
        Better.HIGHER,
        "achieved_bandwidth / bandwidth that reading as many bytes with as many threads was measured to have; above 1 "
        "if a part is read from a cache",
        _BANDWIDTH,
        derived_from="itl",
        of_time=True,
        of_machine=True,
    ),
    Metric(
        "prefill_mfu",
        "prefill MFU",
        RATIO,
        Better.HIGHER,
        f"prefill_flop_rate / {_PRODUCTS}",
        _OPERATIONS,
        derived_from="ttft",
        of_time=True,
        of_machine=True,
        noun="MFU",
    ),
    Metric(
        "decode_mfu",
        "decode MFU",
        RATIO,
        Better.HIGHER,
        f"decode_flop_rate / {_PRODUCTS}",
        _OPERATIONS,
        derived_from="itl",
        of_time=True,
        of_machine=True,
        noun="MFU",
    ),
    Metric(
        "forward_mfu",
        "MFU",
        RATIO,
        Better.HIGHER,
        f"forward_flop_rate / {_PRODUCTS}",
        _OPERATIONS,
        derived_from="forward_time",
        of_time=True,
        of_machine=True,
    ),
    # Serving: requests of a schedule
    Metric(
        "request_latency",
        "latency",
        "ns",
        Better.LOWER,
        "t[n] - s, s the time a request was scheduled for",
        _MLPERF,
        overview=True,
        threaded=False,
    ),
    Metric(
        "request_ttft",
        "TTFT from schedule",
        "ns",
        Better.LOWER,
        "t[1] - s; of an endpoint the arrival of the first content: no role, no reasoning, no tool call",
        _MLPERF,
    ),
    Metric(
        "request_tpot",
        "TPOT of requests",
        "ns",
        Better.LOWER,
        "(t[n] - t[1]) / (n - k), k the tokens of the first event (1 in process), one per request; unknown if the "
        "server does not say how many tokens an event carries",
        _MLPERF,
    ),
    Metric(
        "first_byte",
        "first byte",
        "ns",
        Better.LOWER,
        "arrival of the first byte of the response minus s",
        _OWN,
    ),
    Metric(
        "first_reasoning",
        "first reasoning",
        "ns",
        Better.LOWER,
        "arrival of the first reasoning text minus s",
        _OWN,
    ),
    Metric(
        "connect",
        "connect",
        "ns",
        Better.LOWER,
        "duration of the connect and TLS handshake of a request that waited for one; part of its other times",
        _OWN,
        threaded=False,
        of_client=True,
    ),
    Metric(
        "client_lag",
        "client lag",
        "ns",
        Better.LOWER,
        "instant at which the client had read an event minus the kernel's stamp of its arrival; part of no other time",
        _OWN + "; Linux SO_TIMESTAMPNS",
        threaded=False,
        of_client=True,
    ),
    Metric(
        "dispatch_lag",
        "dispatch lag",
        "ns",
        Better.LOWER,
        "the instant a request was sent minus s: what the generator itself adds",
        _OWN,
        of_client=True,
    ),
    Metric(
        "offered_rate",
        "offered",
        "requests/s",
        Better.HIGHER,
        "(requests - 1) / (last s - first s)",
        _SERVING,
        statistic=Statistic.MEAN,
        of_client=True,
    ),
    Metric(
        "achieved_rate",
        "achieved",
        "requests/s",
        Better.HIGHER,
        "answered requests / (last token of all - first s)",
        _SERVING,
        statistic=Statistic.MEAN,
    ),
    Metric(
        "served_tokens",
        "served rate",
        "tokens/s",
        Better.HIGHER,
        "tokens of all answers / (last token of all - first s)",
        _SERVING,
        statistic=Statistic.MEAN,
    ),
    Metric(
        "offered_tokens",
        "offered output",
        "tokens/s",
        Better.HIGHER,
        "offered x new tokens asked for by a request",
        _SERVING,
        statistic=Statistic.MEAN,
        of_client=True,
    ),
    Metric(
        "answered",
        "answered",
        "fraction",
        Better.HIGHER,
        "requests answered with text and without a failure, over requests; the others have no latency",
        _OWN,
        statistic=Statistic.MEAN,
    ),
    Metric(
        "contract_kept",
        "as asked",
        "fraction",
        Better.HIGHER,
        "answers that broke no clause of the workload contract, over answers; the others enter no latency",
        _OWN,
        statistic=Statistic.MEAN,
    ),
    Metric(
        "capacity",
        "capacity",
        "requests/s",
        Better.HIGHER,
        "highest rate at which a window met all objectives and the queue did not grow, by bisection to 5 %; 0 if none",
        _OWN,
        statistic=Statistic.MEAN,
        overview=True,
    ),
    Metric(
        "on_schedule",
        "on schedule",
        "fraction",
        Better.HIGHER,
        "requests sent at most 1 ms or 5 % of the median latency after s, over requests",
        _OWN,
        statistic=Statistic.MEAN,
        of_time=True,
        of_client=True,
    ),
    Metric(
        "client_cpu",
        "client CPU",
        "fraction",
        Better.LOWER,
        "CPU time of the thread that sends and receives, over the time from the first s to the last answer",
        _OWN,
        statistic=Statistic.MEAN,
        of_time=True,
        of_client=True,
    ),
    # Accuracy: one score per item, summarised over the items of a task
    Metric(
        "accuracy",
        "accuracy",
        "fraction",
        Better.HIGHER,
        "items whose likeliest choice is the right one, over items",
        _HARNESS + ", acc",
        statistic=Statistic.MEAN,
        replicate=Replicate.ITEM,
    ),
    Metric(
        "accuracy_norm",
        "accuracy, by length",
        "fraction",
        Better.HIGHER,
        "as accuracy, with each choice's log-likelihood divided by its characters",
        _HARNESS + ", acc_norm",
        statistic=Statistic.MEAN,
        replicate=Replicate.ITEM,
        overview=True,
    ),
    Metric(
        "exact_match",
        "exact match",
        "fraction",
        Better.HIGHER,
        "items whose greedy answer, normalised, is one of the expected ones, over items",
        _OWN + " (docs/accuracy.md)",
        statistic=Statistic.MEAN,
        replicate=Replicate.ITEM,
        overview=True,
    ),
    Metric(
        "bits_per_byte",
        "bits per byte",
        "bits/byte",
        Better.LOWER,
        "-log2 p(text) / UTF-8 bytes of the text",
        _HARNESS + ", bits_per_byte",
        statistic=Statistic.MEAN,
        replicate=Replicate.ITEM,
        overview=True,
    ),
    Metric(
        "perplexity",
        "perplexity",
        "1/token",
        Better.LOWER,
        "p(text) ** (-1 / tokens); comparable between equal tokenizers only",
        _HARNESS,
        statistic=Statistic.GEOMETRIC_MEAN,
        replicate=Replicate.ITEM,
    ),
    Metric(
        "llama_bench_pp",
        "llama-bench pp",
        "tokens/s",
        Better.HIGHER,
        "tokens of a random prompt over the time until all are computed, mean of the rates of 5 repetitions",
        _LLAMA_BENCH,
        statistic=Statistic.MEAN,
        replicate=Replicate.ITEM,
    ),
    Metric(
        "llama_bench_tg",
        "llama-bench tg",
        "tokens/s",
        Better.HIGHER,
        "single random tokens from an empty cache, each waited for, over their time, mean of 5 rates",
        _LLAMA_BENCH,
        statistic=Statistic.MEAN,
        replicate=Replicate.ITEM,
    ),
    Metric(
        "top1_agreement",
        "same likeliest token",
        "fraction",
        Better.HIGHER,
        "positions whose likeliest token is the reference's, over positions",
        _OWN,
        statistic=Statistic.MEAN,
        replicate=Replicate.ITEM,
        overview=True,
    ),
    Metric(
        "kl_divergence",
        "KL from reference",
        "nats/token",
        Better.LOWER,
        "sum over tokens of q log(q / p), q the reference's next-token distribution, mean over positions",
        "Kullback and Leibler 1951",
        statistic=Statistic.MEAN,
        replicate=Replicate.ITEM,
    ),
    Metric(
        "max_logit_error",
        "largest logit error",
        "logits",
        Better.LOWER,
        "largest |logit - reference's logit|, over positions and tokens",
        _OWN,
        statistic=Statistic.MAXIMUM,
        replicate=Replicate.ITEM,
    ),
    # Agreement of a call's outputs: y is an output, r the reference's, one score per array
    Metric(
        "output_error",
        "relative error",
        RATIO,
        Better.LOWER,
        "‖y - r‖₂ / ‖r‖₂ of one output; 1 if r is all zeros and y is not; mean of the outputs",
        _NORMS,
        statistic=Statistic.MEAN,
        replicate=Replicate.ITEM,
    ),
    Metric(
        "max_output_error",
        "largest error",
        RATIO,
        Better.LOWER,
        "‖y - r‖∞ / ‖r‖∞ of one output: its largest error over its largest entry; largest of the outputs",
        _NORMS,
        statistic=Statistic.MAXIMUM,
        replicate=Replicate.ITEM,
    ),
    Metric(
        "cosine_distance",
        "cosine distance",
        RATIO,
        Better.LOWER,
        "1 - y · r / (‖y‖₂ ‖r‖₂) of one output, mean of the outputs: 1 minus the cosine similarity",
        "Salton and McGill 1983",
        statistic=Statistic.MEAN,
        replicate=Replicate.ITEM,
    ),
    Metric(
        "top1_class",
        "same top class",
        "fraction",
        Better.HIGHER,
        "rows of logits whose largest entry is at the reference's place, over rows",
        _OWN,
        statistic=Statistic.MEAN,
        replicate=Replicate.ITEM,
    ),
    Metric(
        "same_values",
        "same whole numbers",
        "fraction",
        Better.HIGHER,
        "entries of an integer output that equal the reference's, over entries; 0 if their shapes differ",
        _OWN,
        statistic=Statistic.MEAN,
        replicate=Replicate.ITEM,
    ),
    Metric(
        "first_divergence",
        "tokens until divergence",
        "tokens",
        Better.HIGHER,
        "tokens of a greedy generation before the first that differs from the reference's; all of them if none differs",
        _OWN,
        statistic=Statistic.MEAN,
        replicate=Replicate.ITEM,
    ),
)

METRICS: dict[str, Metric] = {metric.tag: metric for metric in _ALL}

MAIN_METRICS = frozenset(metric.derived_from or metric.tag for metric in _ALL if metric.overview)
"""The measured metrics that the table of all models has, or that figures there follow from."""

QUANTILES: dict[str, float] = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
"""The quantiles of a summary: name → probability."""


def get_metric(tag: str) -> Metric:
    """Return the metric with this tag.

    Raises:
        UnknownNameError: no metric has it.
    """
    try:
        return METRICS[tag]
    except KeyError:
        raise UnknownNameError("metric", tag, METRICS) from None


def unit_of(metric: str) -> str | None:
    """Return a metric's unit, or None for a metric this version does not know."""
    return METRICS[metric].unit if metric in METRICS else None


def better_of(metric: str) -> str | None:
    """Return ``lower`` or ``higher``, or None for a metric this version does not know."""
    return METRICS[metric].better.value if metric in METRICS else None


def statistic_of(metric: str) -> Statistic | None:
    """Return which figure is made of a metric's values, or None for a metric this version does not know."""
    return METRICS[metric].statistic if metric in METRICS else None


def is_measured_anew(metric: str) -> bool:
    """Return whether each process gives a figure of its own; False for a metric this version does not know."""
    return metric in METRICS and METRICS[metric].replicate is Replicate.PROCESS


def quantity_of(metric: str) -> Quantity | None:
    """Return what a metric is a figure of, or None for a metric this version does not know."""
    return METRICS[metric].quantity if metric in METRICS else None


def title_of(metric: str) -> str:
    """Return a metric's heading for people, or its tag for a metric this version does not know."""
    return METRICS[metric].title if metric in METRICS else metric


def is_of_client(metric: str) -> bool:
    """Return whether a metric describes what sends a load; False for a metric this version does not know."""
    return metric in METRICS and METRICS[metric].of_client


def is_of_machine(metric: str) -> bool:
    """Return whether a metric says how far the machine is used; False for a metric this version does not know."""
    return metric in METRICS and METRICS[metric].of_machine


def noun_of(metric: str) -> str:
    """Return what a metric is called in a sentence, or its tag for a metric this version does not know."""
    return (METRICS[metric].noun if metric in METRICS else "") or title_of(metric)


def is_derived(metric: str) -> bool:
    """Return whether a metric is computed from the summary of another one; False for an unknown metric."""
    return metric in METRICS and METRICS[metric].derived_from is not None
