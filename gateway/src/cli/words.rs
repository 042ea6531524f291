//! Numbers of things, in words.

/// `1 entry`, `2 entries`: a count that does not fit is written as the largest that does.
pub(super) fn counted(count: impl TryInto<u64>, what: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    if count == 1 {
        return format!("1 {what}");
    }
    let many = match (what.strip_suffix('y'), what.strip_suffix('f')) {
        (Some(stem), _) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        (_, Some(stem)) => format!("{stem}ves"),
        _ => format!("{what}s"),
    };
    format!("{count} {many}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_everything_else_is_many() {
        assert_eq!(counted(1_u64, "entry"), "1 entry");
        assert_eq!(counted(0_u32, "entry"), "0 entries");
        assert_eq!(counted(2_usize, "day"), "2 days");
        assert_eq!(counted(3_u32, "leaf"), "3 leaves");
        assert_eq!(counted(21_u64, "question"), "21 questions");
    }
}
