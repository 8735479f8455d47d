"""Which call of which library is the same metric as percept's, and how much of the fastest one's time percept may take.

Same means: same colour, window, constants and size, as far as a library lets one choose. Precision is a library's own:
pyiqa computes SSIM, VIF, NIQE and others in float64. Luminance is what each converts to, or `gray` where it does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.benchmarks.peers.libraries import Build, gray, piq, piqa, pyiqa, torchmetrics
from tests.benchmarks.peers.parameters import niqe_mat, weights

GAUSSIAN: dict[str, Any] = {"gaussian_kernel": True, "kernel_size": 11, "sigma": 1.5, "data_range": 1.0}


@dataclass(frozen=True)
class Entry:
    """One metric of percept's.

    peers       library → how to build the same
    limit       percept's time over that of the fastest peer, at most
    absolute    (forward, forward and backward) at most, ms, in place of `limit`
    prepares    whether there is anything to prepare of a reference
    model       the file that percept's parameter `model` names, in the folder `weights` of the test data
    """

    peers: Mapping[str, Build] = field(default_factory=dict)
    limit: float = 1.0
    absolute: tuple[float, float] | None = None
    prepares: bool = True
    model: str = ""


CATALOGUE: Mapping[str, Entry] = {
    "ssim": Entry(
        {
            "pyiqa": pyiqa("ssim", test_y_channel=True, downsample=False),
            "piq": piq("ssim", of=gray, downsample=False),
            "torchmetrics": torchmetrics("structural_similarity_index_measure", of=gray, **GAUSSIAN),
            "piqa": piqa("SSIM", of=gray, n_channels=1),
        },
        absolute=(10.0, 25.0),
    ),
    "ssim-rgb": Entry(
        {
            "pyiqa": pyiqa("ssimc", test_y_channel=False, downsample=False),
            "piq": piq("ssim", downsample=False),
            "torchmetrics": torchmetrics("structural_similarity_index_measure", **GAUSSIAN),
            "piqa": piqa("SSIM"),
        },
        limit=0.60,
    ),
    "ms-ssim": Entry({"pyiqa": pyiqa("ms_ssim", test_y_channel=True, is_prod=False)}),
    "ms-ssim-rgb": Entry(
        {
            "pyiqa": pyiqa("ms_ssim", test_y_channel=False, is_prod=True),
            "piq": piq("multi_scale_ssim"),
            "torchmetrics": torchmetrics("multiscale_structural_similarity_index_measure", **GAUSSIAN),
            "piqa": piqa("MS_SSIM"),
        },
        limit=0.60,
    ),
    "iw-ssim": Entry({"piq": piq("information_weighted_ssim")}),
    "cw-ssim": Entry({"pyiqa": pyiqa("cw_ssim")}, limit=0.25),
    "fsim": Entry(
        {
            "pyiqa": pyiqa("fsim", chromatic=False),
            "piq": piq("fsim", chromatic=False),
            "piqa": piqa("FSIM", chromatic=False),
        },
        limit=0.50,
    ),
    "fsimc": Entry(
        {
            "pyiqa": pyiqa("fsim", chromatic=True),
            "piq": piq("fsim", chromatic=True),
            "piqa": piqa("FSIM", chromatic=True),
        },
        limit=0.50,
    ),
    "vsi": Entry({"pyiqa": pyiqa("vsi"), "piq": piq("vsi"), "piqa": piqa("VSI")}, limit=0.50),
    "gmsd": Entry({"pyiqa": pyiqa("gmsd"), "piq": piq("gmsd"), "piqa": piqa("GMSD")}, limit=0.667),
    "ms-gmsd": Entry({"piq": piq("multi_scale_gmsd", chromatic=False), "piqa": piqa("MS_GMSD")}),
    "nlpd": Entry({"pyiqa": pyiqa("nlpd")}, limit=0.667),
    "vif": Entry({"pyiqa": pyiqa("vif")}, limit=0.25),
    "vif-pixel": Entry(
        {
            "piq": piq("vif_p"),
            "torchmetrics": torchmetrics("visual_information_fidelity", of=lambda images: 255 * gray(images)),
        }
    ),
    "mad": Entry({"pyiqa": pyiqa("mad")}, limit=0.05),
    "haarpsi": Entry({"piq": piq("haarpsi"), "piqa": piqa("HaarPSI")}),
    "mdsi": Entry({"piq": piq("mdsi"), "piqa": piqa("MDSI")}),
    "sr-sim": Entry({"piq": piq("srsim", chromatic=False)}),
    "sr-sim-c": Entry({"piq": piq("srsim", chromatic=True)}),
    "sfsn": Entry(),
    "pcqi": Entry(),
    "psnr-hvs-m": Entry(),
    "psnr": Entry(
        {
            "pyiqa": pyiqa("psnr"),
            "piq": piq("psnr"),
            "torchmetrics": torchmetrics("peak_signal_noise_ratio", data_range=1.0, reduction="none", dim=(1, 2, 3)),
            "piqa": piqa("PSNR"),
        },
        prepares=False,
    ),
    "l1": Entry(prepares=False),
    "l2": Entry(prepares=False),
    "psnr-y": Entry({"pyiqa": pyiqa("psnry", color_space="ycbcr")}),
    "niqe": Entry(
        {"pyiqa": pyiqa("niqe", reference=False, pretrained_model_path=niqe_mat)}, model="niqe_pris_params.npz"
    ),
    "il-niqe": Entry(
        {"pyiqa": pyiqa("ilniqe", reference=False, pretrained_model_path=weights("ilniqe_templateModel.mat"))},
        model="ilniqe_templateModel.mat",
    ),
    "piqe": Entry({"pyiqa": pyiqa("piqe", reference=False)}),
    "brisque": Entry(
        {"pyiqa": pyiqa("brisque", reference=False), "piq": piq("brisque", reference=False)}, model="brisque_svm.txt"
    ),
    "entropy": Entry({"pyiqa": pyiqa("entropy", reference=False)}),
    "total-variation": Entry(
        {
            "piq": piq("total_variation", reference=False, norm_type="l1"),
            "torchmetrics": torchmetrics("total_variation", reference=False, reduction="none"),
            "piqa": piqa("TV", reference=False, norm="L1"),
        }
    ),
}
