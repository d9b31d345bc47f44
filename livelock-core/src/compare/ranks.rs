//! How likely two samples are parts of one.
//!
//! In: two lists of numbers. Out: Cliff's delta, and the exact two-sided probability of a rank sum as far from its mean
//! (Mann and Whitney, *On a Test of Whether one of Two Random Variables is Stochastically Larger than the Other*, 1947).
//! Refuses: an approximation and a random number; the same windows give the same answer.

/// Cliff's delta of `b` over `a`, -1 to 1; `None` of nothing.
pub(super) fn effect(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let mut balance = 0_i64;
    for mine in b {
        for theirs in a {
            balance += match mine.total_cmp(theirs) {
                std::cmp::Ordering::Greater => 1,
                std::cmp::Ordering::Less => -1,
                std::cmp::Ordering::Equal => 0,
            };
        }
    }
    Some(balance as f64 / (a.len() * b.len()) as f64)
}

/// Twice the midrank of each of `all`: whole numbers, ties share theirs.
fn doubled_ranks(all: &[f64]) -> Vec<usize> {
    let below = |value: &f64| {
        all.iter()
            .filter(|other| other.total_cmp(value).is_lt())
            .count()
    };
    let equal = |value: &f64| {
        all.iter()
            .filter(|other| other.total_cmp(value).is_eq())
            .count()
    };
    // Ranks from below + 1 to below + equal: their mean, twice.
    all.iter()
        .map(|value| 2 * below(value) + equal(value) + 1)
        .collect()
}

/// Probability, over all ways to choose `b` out of both, of a rank sum at least as far from its mean. Two dozen of each
/// take a million steps.
pub(super) fn p_value(a: &[f64], b: &[f64]) -> f64 {
    let all: Vec<f64> = a.iter().chain(b).copied().collect();
    let ranks = doubled_ranks(&all);
    let whole: usize = ranks.iter().sum();
    let seen: usize = ranks.iter().skip(a.len()).sum();
    let nr = b.len();
    // ways[k][s]: subsets of k members with the rank sum s, as a share of all subsets later.
    let mut ways = vec![vec![0.0_f64; whole + 1]; nr + 1];
    if let Some(none) = ways.first_mut().and_then(|row| row.first_mut()) {
        *none = 1.0;
    }
    for &rank in &ranks {
        for members in (1..=nr).rev() {
            let (fewer, more) = ways.split_at_mut(members);
            if let (Some(from), Some(to)) = (fewer.last(), more.first_mut()) {
                for (sum, &count) in from.iter().enumerate().filter(|&(_, &count)| count > 0.0) {
                    if let Some(place) = to.get_mut(sum + rank) {
                        *place += count;
                    }
                }
            }
        }
    }
    // Twice the doubled mean, so that it is whole: nr * whole / all.
    let far = |sum: usize| (sum * all.len()).abs_diff(nr * whole);
    let limit = far(seen);
    let Some(sums) = ways.last() else {
        return 1.0;
    };
    let total: f64 = sums.iter().sum();
    let extreme: f64 = sums
        .iter()
        .enumerate()
        .filter(|&(sum, _)| far(sum) >= limit)
        .map(|(_, &count)| count)
        .sum();
    if total > 0.0 {
        (extreme / total).min(1.0)
    } else {
        1.0
    }
}

/// Median and quartiles, by linear interpolation; `None` of nothing.
pub(super) fn quartiles(values: &[f64]) -> Option<(f64, f64, f64)> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = |share: f64| {
        let place = share * last as f64;
        let below = place.floor();
        let inside = place - below;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the last index"
        )]
        let index = below as usize;
        let low = sorted.get(index).copied().unwrap_or(0.0);
        let high = sorted.get(index + 1).copied().unwrap_or(low);
        low + (high - low) * inside
    };
    Some((at(0.25), at(0.5), at(0.75)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_the_tables() {
        let low = [1.0, 2.0, 3.0, 4.0, 5.0];
        let high = [6.0, 7.0, 8.0, 9.0, 10.0];
        // 2 of C(10, 5) = 252.
        assert!((p_value(&low, &high) - 2.0 / 252.0).abs() < 1e-12);
        assert!((p_value(&high, &low) - 2.0 / 252.0).abs() < 1e-12);
        // Mann and Whitney 1947, table I: n = 4, m = 3, U = 0 has probability 1/35 one-sided.
        assert!((p_value(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0, 7.0]) - 2.0 / 35.0).abs() < 1e-12);
        assert!((p_value(&low, &low) - 1.0).abs() < 1e-12, "all ties");
        assert!((p_value(&[1.0; 7], &[1.0; 9]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn ties_are_counted_exactly() {
        // Of the 6 ways to choose 2 of {1, 1, 2, 2}: sums 3 (1x), 5 (4x), 7 (1x), doubled ranks 3, 3, 7, 7.
        assert!((p_value(&[1.0, 1.0], &[2.0, 2.0]) - 2.0 / 6.0).abs() < 1e-12);
        assert!((p_value(&[1.0, 2.0], &[1.0, 2.0]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn an_effect_is_how_much_more_often_one_lies_above() {
        assert_eq!(effect(&[1.0, 2.0], &[3.0, 4.0]), Some(1.0));
        assert_eq!(effect(&[3.0, 4.0], &[1.0, 2.0]), Some(-1.0));
        assert_eq!(effect(&[1.0, 3.0], &[2.0, 2.0]), Some(0.0));
        assert_eq!(effect(&[], &[1.0]), None);
        assert_eq!(quartiles(&[4.0, 1.0, 3.0, 2.0, 5.0]), Some((2.0, 3.0, 4.0)));
        assert_eq!(quartiles(&[7.0]), Some((7.0, 7.0, 7.0)));
        assert_eq!(quartiles(&[]), None);
    }

    proptest::proptest! {
        #[test]
        fn a_probability_is_one_and_does_not_depend_on_the_order_of_sides(
            a in proptest::collection::vec(0_u8..20, 1..12),
            b in proptest::collection::vec(0_u8..20, 1..12),
        ) {
            let [a, b] = [a, b].map(|side| side.into_iter().map(f64::from).collect::<Vec<_>>());
            let p = p_value(&a, &b);
            proptest::prop_assert!(p > 0.0 && p <= 1.0);
            proptest::prop_assert!((p - p_value(&b, &a)).abs() < 1e-9);
            let sum = effect(&a, &b).unwrap_or(9.0) + effect(&b, &a).unwrap_or(9.0);
            proptest::prop_assert!(sum.abs() < 1e-12);
        }
    }
}
