//! The lines that tie a row of a tree to the one above it.

use crate::journey::{Edge, Row};

/// How deep the tree is drawn; deeper rows stand at this depth.
const DEEPEST: usize = 16;

/// What stands before the name of a row, and before the lines that belong to it.
pub(super) struct Guide {
    pub(super) name: String,
    pub(super) below: String,
}

/// A guide for each row: `├─` and `└─` for a child, `├┄` and `└┄` for a span that is only linked.
pub(super) fn guides(rows: &[Row<'_>]) -> Vec<Guide> {
    let mut guides = Vec::with_capacity(rows.len());
    // Read from the bottom: at which depths there is another row, under the same one, to lead to.
    let mut more = [false; DEEPEST + 2];
    for row in rows.iter().rev() {
        let depth = row.depth.min(DEEPEST);
        let outer: String = more[..depth]
            .iter()
            .skip(1)
            .map(|&more| if more { "│  " } else { "   " })
            .collect();
        let (name, beside) = match (depth, more[depth], row.edge) {
            (0, ..) => ("", ""),
            (_, true, Edge::Link) => ("├┄ ", "│  "),
            (_, true, _) => ("├─ ", "│  "),
            (_, false, Edge::Link) => ("└┄ ", "   "),
            (_, false, _) => ("└─ ", "   "),
        };
        let under = if more[depth + 1] { "│  " } else { "   " };
        guides.push(Guide {
            name: format!("{outer}{name}"),
            below: format!("{outer}{beside}{under}"),
        });
        more[depth] = true;
        more[depth + 1..].fill(false);
    }
    guides.reverse();
    guides
}
