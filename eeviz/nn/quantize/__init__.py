"""Quantization: 8, 6 or 4 bits by calibration in seconds, fine-tuning at those bits, records for every choice of bits."""

from .network import CHOICES, QuantizedNetwork, quantize
from .records import answers, bit_records, head_columns
from .tuning import QUICK, fine_tune

__all__ = ["CHOICES", "QUICK", "QuantizedNetwork", "answers", "bit_records", "fine_tune", "head_columns", "quantize"]
