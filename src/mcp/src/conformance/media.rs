//! The smallest files of their kinds, in base64.

/// A PNG of one red pixel.
pub(super) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mM4IaAHAAKqAQe82ElCAAAAAElFTkSuQmCC";

/// The type of [`PNG`].
pub(super) const PNG_TYPE: &str = "image/png";

/// A WAV with a millisecond of silence: 8 samples of 8 bits, 8 kHz, mono.
pub(super) const WAV: &str = "UklGRiwAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQgAAACAgICAgICAgA==";

/// The type of [`WAV`].
pub(super) const WAV_TYPE: &str = "audio/wav";
