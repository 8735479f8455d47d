"""percept's metrics beside those of pyiqa, piq, torchmetrics and piqa at the same variant: time and memory.

python -m tests.benchmarks.peers [--threads 1,2] [--only ssim,fsim] [--rounds N] [--no-memory] [--json F] [--out F]

The peers come with the extra `bench` (`make bench` installs them beside percept); one that is absent is left out.
pyiqa's terms are non-commercial: it is measured against, and nothing else.
"""
