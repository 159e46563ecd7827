//! Punycode (RFC 3492): `xn--` labels of host names become what people read.

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const INITIAL_BIAS: u32 = 72;
const INITIAL_N: u32 = 128;

/// A host name with its `xn--` labels decoded; labels that cannot be decoded stay as they are.
pub(super) fn decode_host(host: &str) -> String {
    if !host.to_ascii_lowercase().contains("xn--") {
        return host.to_owned();
    }
    let labels = host.split('.').map(|label| {
        let prefix = label.get(..4).filter(|prefix| prefix.eq_ignore_ascii_case("xn--"));
        let encoded = prefix.and_then(|_| label.get(4..)).filter(|rest| !rest.is_empty());
        encoded.and_then(decode_label).unwrap_or_else(|| label.to_owned())
    });
    labels.collect::<Vec<_>>().join(".")
}

/// Section 6.2 of the RFC.
fn decode_label(label: &str) -> Option<String> {
    let (basic, extended) = label.rsplit_once('-').unwrap_or(("", label));
    let mut output: Vec<char> = basic.chars().collect();
    let (mut n, mut i, mut bias) = (INITIAL_N, 0_u32, INITIAL_BIAS);
    let mut digits = extended.chars();
    while !digits.as_str().is_empty() {
        let before = i;
        let (mut weight, mut k) = (1_u32, BASE);
        loop {
            let digit = digits.next()?.to_digit_36()?;
            i = i.checked_add(digit.checked_mul(weight)?)?;
            let threshold = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(BASE - threshold)?;
            k = k.checked_add(BASE)?;
        }
        let length = u32::try_from(output.len()).ok()?.checked_add(1)?;
        bias = adapt(i - before, length, before == 0);
        n = n.checked_add(i / length)?;
        i %= length;
        output.insert(usize::try_from(i).ok()?, char::from_u32(n)?);
        i += 1;
    }
    Some(output.into_iter().collect())
}

/// Section 6.1 of the RFC.
const fn adapt(delta: u32, length: u32, first: bool) -> u32 {
    let mut delta = if first { delta / DAMP } else { delta / 2 };
    delta += delta / length;
    let mut k = 0;
    while delta > ((BASE - T_MIN) * T_MAX) / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

/// The digits of punycode: `a`–`z` are 0–25, `0`–`9` are 26–35.
trait Digit36 {
    fn to_digit_36(self) -> Option<u32>;
}

impl Digit36 for char {
    fn to_digit_36(self) -> Option<u32> {
        let lower = self.to_ascii_lowercase();
        match lower {
            'a'..='z' => Some(u32::from(lower) - u32::from('a')),
            '0'..='9' => Some(u32::from(lower) - u32::from('0') + 26),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded() {
        assert_eq!(decode_host("xn--mnchen-3ya.de"), "münchen.de");
        assert_eq!(decode_host("www.xn--fiqs8s"), "www.中国");
        assert_eq!(decode_host("XN--bcher-kva.example"), "bücher.example");
        assert_eq!(decode_host("example.com"), "example.com");
    }

    #[test]
    fn what_is_not_punycode_stays() {
        for host in ["xn--", "xn--a!b", "xn--999999999999999999"] {
            assert_eq!(decode_host(host), host);
        }
    }
}
