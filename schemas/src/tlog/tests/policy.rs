use super::*;

const TEXT: &str = "log.example/1\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";

fn witnesses() -> Vec<Signer> {
    (0..6)
        .map(|number| Signer::new(&format!("w{number}.example"), KeyKind::Witness, 10 + number))
        .collect()
}

/// The example of the specification: two of three `X`, and any `Y`.
fn example(signers: &[Signer]) -> String {
    let log = Signer::new("log.example/1", KeyKind::Log, 1).key;
    let lines: Vec<String> = signers
        .iter()
        .enumerate()
        .map(|(number, signer)| {
            format!(
                "witness W{number} {} https://w{number}.example/\n",
                signer.key
            )
        })
        .collect();
    format!(
        "# two operators\n\nlog {log}\n{}\tgroup X 2 W0 W1 W2\ngroup Y any W3 W4 W5\ngroup XY  all X Y\nquorum XY\n",
        lines.concat()
    )
}

#[test]
fn a_quorum_is_reached_at_the_time_its_last_needed_witness_signed() {
    let signers = witnesses();
    let policy = Policy::parse(&example(&signers)).unwrap();
    assert_eq!((policy.logs().len(), policy.witnesses().len()), (1, 6));
    let at = |signed: &[(usize, u64)]| {
        let lines = signed
            .iter()
            .map(|(number, time)| signers[*number].cosign(TEXT, *time));
        let note = Note::new(TEXT.into(), lines.collect()).unwrap();
        policy.cosigned_at(&note, &Aws)
    };
    assert_eq!(at(&[(0, 10), (1, 20), (3, 30)]), Ok(Some(10)));
    assert_eq!(
        at(&[(0, 10), (1, 20), (2, 30), (3, 5), (4, 15)]),
        Ok(Some(15))
    );
    for few in [
        &[(0, 1)][..],
        &[(0, 1), (3, 1)],
        &[(0, 1), (1, 1), (2, 1)],
        &[(3, 1), (4, 1), (5, 1)],
    ] {
        assert_eq!(at(few), Err(TlogError::Quorum));
    }
}

#[test]
fn a_cosignature_that_does_not_verify_fails_the_whole_note() {
    let signers = witnesses();
    let policy = Policy::parse(&example(&signers)).unwrap();
    let forged = signers[0].cosign("another text\n", 9);
    let note = Note::new(TEXT.into(), vec![forged, signers[1].cosign(TEXT, 9)]).unwrap();
    assert_eq!(
        policy.cosigned_at(&note, &Aws),
        Err(TlogError::BadSignature("w0.example".into()))
    );
}

#[test]
fn no_quorum_is_a_policy_too_and_no_quorum_line_is_none() {
    let policy = Policy::parse("quorum none\n").unwrap();
    assert!(!policy.needs_witnesses());
    let log = Signer::new("log.example/1", KeyKind::Log, 1);
    let note = Note::new(TEXT.into(), vec![log.sign(TEXT)]).unwrap();
    assert_eq!(policy.cosigned_at(&note, &Aws), Ok(None));
    assert!(Policy::parse("").is_err());
}

#[test]
fn a_policy_that_means_nothing_or_two_things_is_refused() {
    let good = example(&witnesses());
    Policy::parse(&good).unwrap();
    for (from, to) in [
        ("quorum XY", "quorum Z"),
        ("quorum XY", "quorum XY\nquorum XY"),
        ("quorum XY", "quorum"),
        ("X 2", "X 4"),
        ("X 2", "X 0"),
        ("any W3", "any W2"),
        ("any W3", "any W9"),
        ("any W3 W4 W5", "any"),
        ("group Y", "group X"),
        ("group Y", "group W0"),
        ("group Y", "group none"),
        ("log ", "logg "),
        ("W0 w0", "W0 x0"),
        ("all X Y", "all X Y XY"),
    ] {
        assert!(
            Policy::parse(&good.replacen(from, to, 1)).is_err(),
            "{from} -> {to}"
        );
    }
    let log = Signer::new("log.example/1", KeyKind::Log, 1).key;
    assert!(Policy::parse(&format!("log {log}\nlog {log}\nquorum none\n")).is_err());
    assert!(
        Policy::parse(&format!("witness W {log}\nquorum W\n")).is_err(),
        "a log's key is no witness"
    );
}
