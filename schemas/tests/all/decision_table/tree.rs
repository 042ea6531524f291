//! A table over a finite domain, printed as a decision tree in which equal branches are one line.

use std::{collections::HashMap, fmt::Write as _};

use sha2::{Digest, Sha256};

/// One thing a decision may depend on.
pub(crate) struct Axis {
    pub(crate) name: &'static str,
    pub(crate) values: Vec<String>,
}

/// Every combination of the values of `axes`, the last axis changing fastest, and the outcome of each.
pub(crate) struct Table {
    pub(crate) title: &'static str,
    pub(crate) axes: Vec<Axis>,
    /// Number of the outcome of each combination.
    pub(crate) rows: Vec<u8>,
    /// Outcomes in the order in which they first occur.
    pub(crate) outcomes: Vec<String>,
}

enum Node {
    Leaf(u8),
    Branch { axis: usize, children: Vec<u32> },
}

/// Nodes, each different from every other: equal branches have the same number.
#[derive(Default)]
struct Arena {
    nodes: Vec<Node>,
    branches: HashMap<(usize, Vec<u32>), u32>,
}

const WIDTH: usize = 120;

impl Table {
    /// Numbers the outcomes of all combinations. `outcome` is given one value number per axis.
    pub(crate) fn of<T: Copy + Eq + std::hash::Hash>(
        title: &'static str,
        axes: Vec<Axis>,
        outcome: impl Fn(&[usize]) -> T,
        label: impl Fn(T) -> String,
    ) -> Self {
        let size = axes.iter().map(|axis| axis.values.len()).product();
        let mut numbers: HashMap<T, u8> = HashMap::new();
        let mut last = None;
        let mut outcomes = Vec::new();
        let mut point = vec![0; axes.len()];
        let mut rows = Vec::with_capacity(size);
        for _ in 0..size {
            let found = outcome(&point);
            let number = match last {
                Some((same, number)) if same == found => number,
                _ => *numbers.entry(found).or_insert_with(|| {
                    outcomes.push(label(found));
                    u8::try_from(outcomes.len() - 1).unwrap()
                }),
            };
            last = Some((found, number));
            rows.push(number);
            advance(&mut point, &axes);
        }
        Self {
            title,
            axes,
            rows,
            outcomes,
        }
    }

    /// The table as text.
    pub(crate) fn render(&self) -> String {
        let mut text = format!("## {}\n\n", self.title);
        self.summary(&mut text);
        let mut arena = Arena::default();
        let root = arena.reduce(self);
        text.push('\n');
        self.print(&arena, root, 0, &mut text);
        text
    }

    fn summary(&self, text: &mut String) {
        let sizes: Vec<String> = self
            .axes
            .iter()
            .map(|axis| format!("{} {}", axis.values.len(), axis.name))
            .collect();
        writeln!(
            text,
            "{} rows = {}",
            grouped(self.rows.len()),
            sizes.join(" x ")
        )
        .unwrap();
        let digest: String = Sha256::digest(&self.rows)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        writeln!(text, "SHA-256 of the rows: {digest}\n").unwrap();
        let mut counts = vec![0_usize; self.outcomes.len()];
        for row in &self.rows {
            counts[usize::from(*row)] += 1;
        }
        for (number, (outcome, count)) in self.outcomes.iter().zip(counts).enumerate() {
            writeln!(text, "{number:>4} {:>11}  {outcome}", grouped(count)).unwrap();
        }
    }

    fn print(&self, arena: &Arena, node: u32, depth: usize, text: &mut String) {
        let (axis, children) = match &arena.nodes[node as usize] {
            Node::Leaf(_) => return,
            Node::Branch { axis, children } => (*axis, children),
        };
        for (child, values) in groups(children) {
            let column = self.values(axis, &values, depth, text);
            if let Node::Leaf(outcome) = &arena.nodes[child as usize] {
                let outcome = format!("=> {}", self.outcomes[usize::from(*outcome)]);
                let fits = column + outcome.chars().count() < WIDTH;
                let separator = if fits {
                    " ".to_owned()
                } else {
                    format!("\n{:indent$}", "", indent = 2 * depth + 2)
                };
                text.push_str(&separator);
                text.push_str(&outcome);
            }
            text.push('\n');
            self.print(arena, child, depth + 1, text);
        }
    }

    /// `axis = value | value`, going on under the first value when it gets long. Returns the column reached.
    fn values(&self, axis: usize, values: &[usize], depth: usize, text: &mut String) -> usize {
        let axis = &self.axes[axis];
        let start = format!("{:indent$}{} = ", "", axis.name, indent = 2 * depth);
        let bar = start.chars().count() - 2;
        let mut column = bar + 2;
        text.push_str(&start);
        for (position, value) in values.iter().enumerate() {
            let value = &axis.values[*value];
            let wide = value.chars().count();
            if position == 0 {
                column += wide;
            } else if column + wide + 3 < WIDTH {
                text.push_str(" | ");
                column += wide + 3;
            } else {
                write!(text, "\n{:bar$}| ", "").unwrap();
                column = bar + 2 + wide;
            }
            text.push_str(value);
        }
        column
    }
}

impl Arena {
    /// Builds the tree from its leaves up. A branch whose children are all the same is that child.
    fn reduce(&mut self, table: &Table) -> u32 {
        for number in 0..table.outcomes.len() {
            self.nodes.push(Node::Leaf(u8::try_from(number).unwrap()));
        }
        let mut level: Vec<u32> = table.rows.iter().map(|row| u32::from(*row)).collect();
        for (axis, values) in table.axes.iter().enumerate().rev() {
            level = level
                .chunks(values.values.len())
                .map(|children| self.branch(axis, children))
                .collect();
        }
        level[0]
    }

    fn branch(&mut self, axis: usize, children: &[u32]) -> u32 {
        if children.iter().all(|child| *child == children[0]) {
            return children[0];
        }
        let next = u32::try_from(self.nodes.len()).unwrap();
        let nodes = &mut self.nodes;
        *self
            .branches
            .entry((axis, children.to_vec()))
            .or_insert_with(|| {
                nodes.push(Node::Branch {
                    axis,
                    children: children.to_vec(),
                });
                next
            })
    }
}

/// Values by equal child, in the order in which the children first occur.
fn groups(children: &[u32]) -> Vec<(u32, Vec<usize>)> {
    let mut groups: Vec<(u32, Vec<usize>)> = Vec::new();
    for (value, child) in children.iter().enumerate() {
        match groups.iter_mut().find(|(known, _)| known == child) {
            Some((_, values)) => values.push(value),
            None => groups.push((*child, vec![value])),
        }
    }
    groups
}

fn advance(point: &mut [usize], axes: &[Axis]) {
    for (value, axis) in point.iter_mut().zip(axes).rev() {
        *value += 1;
        if *value < axis.values.len() {
            return;
        }
        *value = 0;
    }
}

/// `7620480` as `7,620,480`.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
