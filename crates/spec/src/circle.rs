//! Circles of things that wait for each other.

/// Which ones stand in a circle, or between two: what is left when those that wait for nobody and those
/// that nobody waits for are taken away, again and again. `after[n]` are those that the n-th waits for.
pub(crate) fn circles(after: &[Vec<usize>]) -> Vec<bool> {
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); after.len()];
    for (n, of) in after.iter().enumerate() {
        of.iter().for_each(|other| before[*other].push(n));
    }
    let mut left = vec![true; after.len()];
    take_away(&mut left, after, &before);
    take_away(&mut left, &before, after);
    left
}

/// Takes those away whose `ahead` are all gone, and what that frees `behind` them.
fn take_away(left: &mut [bool], ahead: &[Vec<usize>], behind: &[Vec<usize>]) {
    let waits_for = |n: usize| ahead[n].iter().filter(|other| left[**other]).count();
    let mut open: Vec<usize> = (0..left.len()).map(waits_for).collect();
    let mut free: Vec<usize> = (0..left.len()).filter(|n| left[*n] && open[*n] == 0).collect();
    while let Some(n) = free.pop() {
        left[n] = false;
        for other in &behind[n] {
            open[*other] = open[*other].saturating_sub(1);
            if open[*other] == 0 && left[*other] {
                free.push(*other);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_circle_is_not_in_it() {
        let after = [vec![1], vec![0], vec![0, 3], vec![], vec![4], vec![4]];
        assert_eq!(circles(&after), [true, true, false, false, true, false]);
        let twice = [vec![1, 1], vec![]];
        assert_eq!(circles(&twice), [false, false], "named twice");
    }
}
