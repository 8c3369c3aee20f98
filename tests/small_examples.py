"""Every spec under examples/ with the settings that make it small, for tests that build all of them."""

from helpers import ROOT

EXAMPLES = ROOT / "examples"

_AUTO = ("B=2", "F=2", "trellis.strides=[4, 8, 16]")
_SMALL = ("F=4", "N=1")
SEARCHED = {
    "autodeeplab/spec": ("L=3", *_AUTO),
    "autodeeplab/separable": ("L=3", *_AUTO),
    "autodeeplab/shallow": ("L=3", *_AUTO),
    "autodeeplab/dense_links": ("L=4", *_AUTO),
    "darts/spec": ("C=4", "L=3"),
    "darts/cifar10": ("C=4", "L=3"),
    "darts/imagenet": ("C=8", "L=3"),
    "nasbench201/spec": ("C=4", "N=1"),
    "nasnet/spec": ("normal.nodes=3", *_SMALL),
    "nasnet/enas": _SMALL,
    "nasnet/pnas": _SMALL,
    "proxylessnas/spec": ("trellis.width=8",),
    "fbnet/spec": ("trellis.width=8",),
    "dpc/spec": ("trellis.width=8", "branches.width=4", "branches.nodes=2"),
    "dints/spec": ("C=2", "trellis.layers=3"),
    "fasterseg/spec": ("F=2", "trellis.layers=4", "trellis.width=one_of(share = state) { 4, 8 }"),
}
"""Searched spaces: how each is made small."""

NETWORKS = {
    "autodeeplab/published": (("F=4",), 65),
    "autodeeplab/trained": (("F=4",), 65),
    "darts/v1": (("C=8",), 32),
    "darts/v2": (("C=8",), 32),
    "darts/imagenet": (("C=8", "L=6"), 224),  # the auxiliary head has no padding: 7 x 7 is the least it takes
    "nasnet/nasnet_a": (("F=8", "N=2"), 32),
    "nasnet/enas": (("F=8", "N=2"), 32),
    "nasnet/pnas": (("F=8", "N=2"), 32),
    "nasbench201/all_conv1x1": (("N=2",), 32),
    "nasbench201/all_conv3x3": (("N=2",), 32),
    "nasbench201/all_pool": (("N=2",), 32),
    "nasbench201/all_skip": (("N=2",), 32),
    "nasbench201/best_cifar10": (("N=2",), 32),
    "nasbench201/resnet": (("N=2",), 32),
    "proxylessnas/cpu": ((), 32),
    "proxylessnas/gpu": ((), 32),
    "proxylessnas/mobile": ((), 32),
    "proxylessnas/mobile_14": ((), 32),
    "fbnet/a": ((), 32),
    "fbnet/b": ((), 32),
    "fbnet/c": ((), 32),
    "dpc/published": ((), 65),
    # spaces of one network
    "unet/spec": (("C=8",), 48),
    "unet/batchnorm": (("C=8",), 48),
    "hrnet/spec": (("C=4",), 64),
    "gridnet/spec": (("C=4",), 32),
    "frrn/spec": (("F=4",), 32),
    "hourglass/spec": (("trellis.width=16",), 64),
    "deeplabv3/spec": ((), 33),
}
"""Networks, and spaces of one: how each is made small, and the side of an image."""

DISCONNECTED = "nasbench201/disconnected"
"""No gradient reaches its weights."""
