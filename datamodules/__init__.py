"""The image sets, one class each; every class goes with a file in ``conf/data``."""

from datamodules.base import ImageDataModule
from datamodules.celeba import CelebA
from datamodules.digits import Digits
from datamodules.imagenet import ImageNet
from datamodules.images import Images
from datamodules.leaves import Leaves
from datamodules.mnist import Kmnist, Mnist
from datamodules.photos import Photos
from datamodules.svhn import Svhn

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
