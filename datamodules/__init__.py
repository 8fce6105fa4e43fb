"""The image sets, one class each; every class goes with a file in ``conf/data``."""

from datamodules.base import ImageDataModule
from datamodules.sets.celeba import CelebA
from datamodules.sets.digits import Digits
from datamodules.sets.imagenet import ImageNet
from datamodules.sets.images import Images
from datamodules.sets.leaves import Leaves
from datamodules.sets.mnist import Kmnist, Mnist
from datamodules.sets.photos import Photos
from datamodules.sets.svhn import Svhn

__all__ = [
    "CelebA",
    "Digits",
    "ImageDataModule",
    "ImageNet",
    "Images",
    "Kmnist",
    "Leaves",
    "Mnist",
    "Photos",
    "Svhn",
]
