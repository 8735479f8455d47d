from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from percept.errors import ImageError
from percept.images import SUFFIXES, find_images, names_of, read_image, to_uint8
from PIL import Image
from torch import Tensor


@pytest.fixture
def photo() -> Image.Image:
    return Image.fromarray(skimage.data.astronaut()[30:67, 200:241])


def pixels(image: Image.Image) -> Tensor:
    return torch.tensor(np.array(image.convert("RGB"))).permute(2, 0, 1).float() / 255


def refusal(path: Path) -> str:
    """What `read_image` says of a file that it refuses: one line that starts with the path."""
    with pytest.raises(ImageError) as caught:
        read_image(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def png(bits: int, colour_type: int, row: bytes) -> bytes:
    """A PNG of one row of two pixels, of kinds that Pillow does not write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 2, 1, bits, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    )


def tiff(
    row: bytes, width: int, *, bits: tuple[int, ...], photometric: int, sample_format: int = 1, planes: int = 1
) -> bytes:
    """A little-endian TIFF of one row, of kinds that Pillow does not write; several planes lie one after another."""
    count = len(bits)
    fixed: list[tuple[int, int, tuple[int, ...]]] = [
        (256, 3, (width,)),
        (257, 3, (1,)),
        (258, 3, bits),
        (259, 3, (1,)),
        (262, 3, (photometric,)),
        (273, 4, tuple(8 + i * len(row) // count for i in range(count)) if planes == 2 else (8,)),
        (277, 3, (count,)),
        (278, 3, (1,)),
        (279, 4, (len(row) // count,) * count if planes == 2 else (len(row),)),
        (284, 3, (planes,)),
        (339, 3, (sample_format,) * count),
    ]
    directory, spill = b"", b""
    start = 8 + len(row)
    after = start + 2 + 12 * len(fixed) + 4
    for tag, kind, values in fixed:
        data = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(data) > 4:
            data, spill = struct.pack("<I", after + len(spill)), spill + data
        directory += struct.pack("<HHI", tag, kind, len(values)) + data.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<I", start) + row + struct.pack("<H", len(fixed)) + directory + b"\0" * 4 + spill


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm", ".webp"])
def test_lossless_files_are_read_to_the_level(photo: Image.Image, suffix: str, tmp_path: Path) -> None:
    photo.save(tmp_path / f"a{suffix}", lossless=True)  # only WebP asks
    image = read_image(tmp_path / f"a{suffix}")
    assert (image.dtype, image.shape) == (torch.float32, (3, 37, 41))
    assert image.is_contiguous()
    assert torch.equal(image, pixels(photo))
    assert torch.equal(read_image(str(tmp_path / f"a{suffix}")), image)


def test_jpeg_is_read_as_pillow_decodes_it(photo: Image.Image, tmp_path: Path) -> None:
    photo.save(tmp_path / "a.jpg", quality=60)
    with Image.open(tmp_path / "a.jpg") as decoded:
        assert torch.equal(read_image(tmp_path / "a.jpg"), pixels(decoded))


def test_image_may_be_written_to(photo: Image.Image, tmp_path: Path) -> None:
    photo.save(tmp_path / "a.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = read_image(tmp_path / "a.png")
    image[0, 0, 0] = 0.5
    assert not torch.equal(image, read_image(tmp_path / "a.png"))


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_becomes_three_equal_channels(photo: Image.Image, mode: str, tmp_path: Path) -> None:
    grey = photo.convert(mode)
    grey.save(tmp_path / "a.png")
    assert torch.equal(read_image(tmp_path / "a.png"), pixels(grey))


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.pgm"])
def test_sixteen_bit_grey_keeps_every_level(name: str, tmp_path: Path) -> None:
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    Image.fromarray(levels).save(tmp_path / name)
    image = read_image(tmp_path / name)
    expected = torch.tensor(levels.astype(np.float32) / np.float32(65535))
    assert image.dtype == torch.float32
    assert torch.equal(image, expected.expand(3, -1, -1))
    assert len(set(image[0].flatten().tolist())) == 65536


def test_twelve_bit_pgm_is_scaled_to_its_own_white(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5\n3 1\n4095\n" + struct.pack(">3H", 0, 1000, 4095))
    assert read_image(tmp_path / "a.pgm")[0, 0].tolist() == pytest.approx([0, 1000 / 4095, 1], abs=1e-5)


def test_floating_point_grey_keeps_its_values(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 0.123456, 1]], np.float32)).save(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif")[2, 0].tolist() == pytest.approx([0, 0.123456, 1])


@pytest.mark.parametrize("odd", [-0.1, 1.1, float("nan"), float("inf")])
def test_floating_point_grey_out_of_range_is_refused(odd: float, tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, odd, 1]], np.float32)).save(tmp_path / "a.tif")
    assert refusal(tmp_path / "a.tif") == "floating-point values outside of [0, 1]; scale them first"


GREY: list[tuple[str, dict[str, Any]]] = [
    ("signed", {"bits": (16,), "photometric": 1, "sample_format": 2}),
    ("white is zero", {"bits": (16,), "photometric": 0}),
    ("12 bits", {"bits": (12,), "photometric": 1}),
    ("32 bits", {"bits": (32,), "photometric": 1}),
]


@pytest.mark.parametrize("facts", [facts for _, facts in GREY], ids=[name for name, _ in GREY])
def test_grey_of_unclear_range_is_refused(facts: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(b"\x01\x02\x03\x04" * 3, 2, **facts))
    assert refusal(tmp_path / "a.tif").startswith("grey of a kind that is not read; convert it to 16 bits")


def test_the_tiffs_of_these_tests_are_sound(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(struct.pack("<2H", 300, 65535), 2, bits=(16,), photometric=1))
    assert read_image(tmp_path / "a.tif")[1, 0].tolist() == pytest.approx([300 / 65535, 1])
    (tmp_path / "b.tif").write_bytes(tiff(bytes([10, 20, 30, 40, 50, 60]), 2, bits=(8, 8, 8), photometric=2, planes=2))
    assert (read_image(tmp_path / "b.tif") * 255).round().int().tolist() == [[[10, 20]], [[30, 40]], [[50, 60]]]


def test_sixteen_bit_grey_with_a_transparent_level_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.array([[7, 8]], np.uint16)).save(tmp_path / "a.png", transparency=7)
    assert refusal(tmp_path / "a.png").startswith("grey of a kind that is not read")


@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (4, 2), (6, 4)], ids=["RGB", "grey alpha", "RGBA"])
def test_sixteen_bit_colour_png_is_refused(colour_type: int, channels: int, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(16, colour_type, b"\xff" * 4 * channels))
    assert refusal(tmp_path / "a.png") == "colour with 16 bits a channel is not read; convert it to 8 bits first"


@pytest.mark.parametrize("planes", [1, 2])
def test_sixteen_bit_colour_tiff_is_refused(planes: int, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(bytes(range(12)), 2, bits=(16, 16, 16), photometric=2, planes=planes))
    assert refusal(tmp_path / "a.tif").startswith("colour with 16 bits a channel")


@pytest.mark.parametrize(("white", "bits"), [(65535, 16), (1023, 10)])
@pytest.mark.parametrize("plain", [True, False])
def test_deep_colour_ppm_is_refused(white: int, bits: int, plain: bool, tmp_path: Path) -> None:
    body = b"1 2 3" if plain else struct.pack(">3H", 1, 2, 3)
    (tmp_path / "a.ppm").write_bytes(b"P%d\n1 1\n%d\n%b" % (3 if plain else 6, white, body))
    assert refusal(tmp_path / "a.ppm").startswith(f"colour with {bits} bits a channel")


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif"])
def test_full_opacity_is_dropped(photo: Image.Image, name: str, tmp_path: Path) -> None:
    photo.convert("RGBA").save(tmp_path / name, lossless=True)  # only WebP asks
    assert torch.equal(read_image(tmp_path / name), pixels(photo))


def test_opaque_grey_with_alpha_is_read(photo: Image.Image, tmp_path: Path) -> None:
    photo.convert("LA").save(tmp_path / "a.png")
    assert torch.equal(read_image(tmp_path / "a.png"), pixels(photo.convert("L")))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_one_pixel_that_is_not_opaque_is_refused(photo: Image.Image, mode: str, tmp_path: Path) -> None:
    image = photo.convert(mode)
    image.putpixel((5, 6), (*(1,) * (len(mode) - 1), 254))
    image.save(tmp_path / "a.png")
    assert refusal(tmp_path / "a.png") == "has transparent pixels; flatten it onto a background first"


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_transparent_colour_is_refused_only_where_it_occurs(photo: Image.Image, mode: str, tmp_path: Path) -> None:
    red = Image.new("RGB", (4, 4), (255, 0, 0))
    image = red.quantize(2) if mode == "P" else red.convert(mode)
    used = image.getpixel((0, 0))
    unused = {"P": 1, "L": 3, "RGB": (1, 2, 3)}[mode]
    image.save(tmp_path / "used.png", transparency=used)
    image.save(tmp_path / "unused.png", transparency=unused)
    assert refusal(tmp_path / "used.png").startswith("has transparent pixels")
    assert torch.equal(read_image(tmp_path / "unused.png"), pixels(image))


@pytest.mark.parametrize("colours", [2, 16, 256])
def test_palettes_are_expanded(photo: Image.Image, colours: int, tmp_path: Path) -> None:
    palette = photo.quantize(colours)
    palette.save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as stored:
        assert stored.mode == "P"
    assert torch.equal(read_image(tmp_path / "a.png"), pixels(palette))


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk_is_refused(photo: Image.Image, name: str, tmp_path: Path) -> None:
    photo.convert("CMYK").save(tmp_path / name)
    assert refusal(tmp_path / name) == "CMYK has no single RGB reading; convert it to sRGB first"


def test_orientation_tags_are_not_applied(photo: Image.Image, tmp_path: Path) -> None:
    exif = photo.getexif()
    exif[0x0112] = 6
    photo.save(tmp_path / "a.png", exif=exif)
    assert torch.equal(read_image(tmp_path / "a.png"), pixels(photo))


def test_the_first_of_several_frames_is_read(photo: Image.Image, tmp_path: Path) -> None:
    photo.save(tmp_path / "a.tif", save_all=True, append_images=[photo.rotate(180)])
    assert torch.equal(read_image(tmp_path / "a.tif"), pixels(photo))


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.tif", "a.webp", "a.ppm"])
def test_truncated_file_is_refused_or_whole(photo: Image.Image, name: str, tmp_path: Path) -> None:
    whole = io.BytesIO()
    suffixes = Image.registered_extensions()
    photo.save(whole, suffixes[Path(name).suffix])
    stored = whole.getvalue()
    path = tmp_path / name
    path.write_bytes(stored)
    expected = read_image(path)
    refused = 0
    for length in range(0, len(stored), max(1, len(stored) // 40)):
        path.write_bytes(stored[:length])
        try:
            assert torch.equal(read_image(path), expected)
        except ImageError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused >= 30
    path.write_bytes(stored[: len(stored) // 2])
    assert "replace or remove it" in refusal(path)


def test_file_that_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no image")
    (tmp_path / "b.png").write_bytes(b"")
    for name in ("a.png", "b.png"):
        assert refusal(tmp_path / name) == "not an image that can be read; replace or remove it"


def test_image_too_large_to_be_meant_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    Image.new("RGB", (5, 5)).save(tmp_path / "a.png")
    assert refusal(tmp_path / "a.png").startswith("damaged image (Image size (25 pixels) exceeds limit")


def test_missing_file_and_folder_are_told_apart(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.png") == "no such file"
    assert refusal(tmp_path) == "is a folder, not an image"


def test_file_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", denied)  # a test that runs as root cannot make an unreadable file
    assert refusal(tmp_path / "a.png") == "may not be read; change its permissions"


def test_to_uint8_undoes_read_image(photo: Image.Image, tmp_path: Path) -> None:
    photo.save(tmp_path / "a.png")
    levels = to_uint8(read_image(tmp_path / "a.png"))
    assert levels.dtype == np.uint8
    assert np.array_equal(levels, np.array(photo))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_to_uint8_takes_the_nearest_level(dtype: torch.dtype) -> None:
    levels = torch.arange(256, dtype=dtype)
    for shift in (-0.49, 0.0, 0.49):
        image = ((levels + shift) / 255).expand(3, 1, -1)
        assert to_uint8(image)[0, :, 1].tolist() == list(range(256))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_to_uint8_adds_no_error_to_half_precision(dtype: torch.dtype) -> None:
    image = torch.linspace(0, 1, 999).to(dtype)
    expected = np.rint(image.double().numpy() * 255).astype(np.uint8)
    assert np.abs(to_uint8(image.expand(3, 1, -1))[0, :, 0].astype(int) - expected).max() == 0


def test_to_uint8_clamps_and_leaves_the_image_alone() -> None:
    image = torch.tensor([-0.2, 0.0, 1.0, 1.7]).expand(3, 1, -1).clone().requires_grad_()
    assert to_uint8(image)[0, :, 2].tolist() == [0, 0, 255, 255]
    assert image.min().item() == pytest.approx(-0.2)


def test_find_images_sorts_by_path_and_leaves_the_rest_out(tmp_path: Path) -> None:
    for name in ("b.PNG", "a/z.jpg", "a/.hidden.png", ".git/c.png", "c.txt", "d.tiff", "a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)]
    assert found == ["a/z.jpg", "a.png", "b.PNG", "d.tiff"]
    assert find_images(str(tmp_path)) == find_images(tmp_path)
    assert find_images(tmp_path / "none") == []


def test_images_in_a_hidden_folder_are_found_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / ".cache").mkdir()
    for suffix in SUFFIXES:
        (tmp_path / ".cache" / f"a{suffix}").write_bytes(b"")
    assert len(find_images(tmp_path / ".cache")) == len(SUFFIXES)


def test_names_are_paths_without_their_suffix(tmp_path: Path) -> None:
    paths = [tmp_path / "a" / "b.c.png", tmp_path / "d.jpg"]
    assert names_of(paths, tmp_path) == ["a/b.c", "d"]
    assert names_of([], tmp_path) == []


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"a\.png: a\.jpg beside it has the same name; rename one$"):
        names_of([tmp_path / "a.jpg", tmp_path / "a.png"], tmp_path)
