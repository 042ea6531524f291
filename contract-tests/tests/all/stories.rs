//! docs/stories.md, step by step, as the people in it.

use std::{fs, process::Output};

use super::installation::{Installation, PATIENCE, configure, eventually, now, of_kind, read};
use crate::tree::root;

/// One command of a story.
struct Step {
    role: &'static str,
    args: Vec<String>,
    /// File its output goes to.
    to: Option<String>,
}

/// The lines of the page that are commands, with who types them.
fn steps() -> Vec<Step> {
    let page = read(&root().join("docs/stories.md"));
    let (mut role, mut steps) = ("", Vec::new());
    for line in page.lines() {
        role = match line {
            "## The investigator" => "investigator",
            "## The auditor" => "auditor",
            "## The source owner" => "source_owner",
            _ => role,
        };
        if let Some(command) = line.strip_prefix("    $ turnpike ") {
            let (command, to) = match command.split_once(" > ") {
                Some((command, to)) => (command, Some(to.to_owned())),
                None => (command, None),
            };
            let args = words(command);
            steps.push(Step { role, args, to });
        }
    }
    steps
}

/// Words, of which those in double quotes are one.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (n, part) in command.split('"').enumerate() {
        if n % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[tokio::test]
async fn every_step_of_the_three_stories_works_and_fits_80_columns() {
    let installation = Installation::with_history(|world| {
        configure(
            world,
            "[ledger]\nowner_checkpoint_s = 1\ncheckpoint_ms = 50",
        );
    })
    .await;
    let steps = steps();
    assert!(steps.len() >= 20, "only {} steps", steps.len());
    for step in steps {
        let ledger = installation.ledger();
        let last = of_kind(&ledger, "intent").last().copied().cloned();
        let last = |field: &str| {
            let value = last.as_ref().map(|intent| intent[field].clone());
            value.map(|value| value.to_string().trim_matches('"').to_owned())
        };
        let today = now().strftime("%F").to_string();
        let args: Vec<String> = step
            .args
            .iter()
            .map(|word| match word.as_str() {
                "TODAY" => today.clone(),
                "QUESTION" => last("question").unwrap(),
                "INTENT" => last("index").unwrap(),
                word => word.to_owned(),
            })
            .collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        // A checkpoint may be a moment behind the newest entry.
        let done = tokio::time::timeout(
            PATIENCE,
            eventually("the step works", async || {
                let output: Output = installation.turnpike(step.role, &args).await;
                if output.status.success() {
                    return Some(output);
                }
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(said.contains("checkpoint"), "{args:?}: {said}");
                None
            }),
        );
        let output = done.await.unwrap();
        match &step.to {
            Some(file) => {
                fs::write(installation.world.folder().join(file), &output.stdout).unwrap()
            }
            None => {
                let shown = String::from_utf8(output.stdout).unwrap();
                for line in shown.lines() {
                    assert!(line.chars().count() <= 80, "{args:?}: {line}");
                }
            }
        }
    }
}
