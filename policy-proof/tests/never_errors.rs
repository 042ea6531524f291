//! No fixed policy ends in an error, for any entity and any question of the schema. Cedar skips a policy that does, a forbid too.
//!
//! Cedar's own symbolic compiler turns each policy into a formula, and cvc5 looks for entities and a question that make it
//! fail. That compiler assumes what the gateway sees to: entities that the question and other entities name are there.
//!
//! `./test.sh` installs cvc5 from PyPI in `target/proof-python`; `solver.py` makes a solver process of it.

use std::path::{Path, PathBuf};

use cedar_policy::{PolicySet, Schema};
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicy, solver::LocalSolver};
use tokio::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join("gateway/src/policy").join(file)).unwrap()
}

fn solver() -> LocalSolver {
    let python = root().join("target/proof-python/bin/python");
    assert!(python.exists(), "cvc5 is not installed: `./test.sh` does it");
    let program = root().join("policy-proof/solver.py");
    LocalSolver::from_command(Command::new(python).arg(program).kill_on_drop(true)).unwrap()
}

/// The policies, with the action, for which an error was found or none could be ruled out.
async fn failing(policies: &str) -> Vec<String> {
    let (schema, _) = Schema::from_cedarschema_str(&read("turnpike.cedarschema")).unwrap();
    let policies: PolicySet = policies.parse().unwrap();
    let mut compiler = CedarSymCompiler::new(solver()).unwrap();
    let (mut failing, mut proved) = (Vec::new(), 0);
    for policy in policies.policies() {
        for env in schema.request_envs() {
            let compiled = CompiledPolicy::compile(policy, &env, &schema).unwrap();
            if compiler.check_never_errors_opt(&compiled).await.unwrap() {
                proved += 1;
            } else {
                let id = policy.annotation("id").unwrap_or("unnamed");
                failing.push(format!("{id} for {}", env.action()));
            }
        }
    }
    assert!(proved > 0 || !failing.is_empty(), "nothing was looked at");
    failing
}

#[tokio::test]
async fn no_fixed_policy_can_end_in_an_error() {
    assert_eq!(failing(&read("turnpike.cedar")).await, [""; 0]);
}

/// The search finds what there is to find: an addition that leaves 64 bits, and an attribute that is not looked for.
#[tokio::test]
async fn a_policy_that_can_end_in_an_error_is_found() {
    let adds = r#"
        @id("adds")
        forbid (principal is User, action == Action::"query", resource is Agreement)
        when { context.granted.age + 1 <= resource.lookback };
    "#;
    assert_eq!(failing(adds).await, [r#"adds for Action::"query""#]);
}
