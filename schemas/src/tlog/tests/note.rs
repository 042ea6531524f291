use proptest::prelude::*;

use super::*;

const VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn checkpoint() -> (Signer, Signer, Checkpoint) {
    let log = Signer::new("log.example/1", KeyKind::Log, 1);
    let witness = Signer::new("witness.example/w", KeyKind::Witness, 2);
    let head = Checkpoint {
        origin: "log.example/1".into(),
        size: 8,
        root: leaf(8),
    };
    (log, witness, head)
}

#[test]
fn the_published_note_verifies_under_its_published_key() {
    let key: VerifierKey = VKEY.parse().unwrap();
    assert_eq!(key.to_string(), VKEY);
    let note = Note::parse(NOTE).unwrap();
    assert_eq!(note.to_string(), NOTE);
    key.check(&note, &Aws).unwrap();
    let altered = Note::parse(&NOTE.replace("you think", "You think")).unwrap();
    assert_eq!(
        key.check(&altered, &Aws),
        Err(TlogError::BadSignature("PeterNeumann".into()))
    );
}

#[test]
fn text_that_is_not_exactly_a_note_is_refused() {
    let long = format!("{}{NOTE}", "x".repeat(70_000));
    for note in [
        "",
        "\n",
        "\n\n",
        "text\n\n",
        "text\n",
        &NOTE.replace('—', "-"),
        &NOTE.replace("\n\n", "\n"),
        &NOTE.replace("x08go", "x08g"),
        &NOTE.replace("JnAM=", "JnAM"),
        &NOTE.replace("JnAM=", "JnAN="),
        &NOTE.replace("PeterNeumann x", "Peter Neumann x"),
        &NOTE.replace("PeterNeumann x", "Peter+Neumann x"),
        &NOTE.replace("think", "th\tink"),
        &NOTE.replace("think", "th\rink"),
        &format!("{NOTE}x"),
        &format!("{NOTE}\n"),
        NOTE.trim_end(),
        &NOTE.replace(" x08go", "  x08go"),
        &long,
    ] {
        assert!(Note::parse(note).is_err(), "{note:?}");
    }
    for key in [
        "",
        "a+b+c",
        &VKEY.replace("c74f20a3", "c74f20a4"),
        &VKEY.replace("c74f20a3", "C74F20A3"),
        &VKEY.replace("+ARp", "+Arp"),
        &VKEY.replace("Peter", "Pet er"),
        &format!("{VKEY}A"),
    ] {
        assert!(key.parse::<VerifierKey>().is_err(), "{key}");
    }
}

#[test]
fn a_checkpoint_is_three_lines_in_one_form_and_nothing_more() {
    let (_, _, head) = checkpoint();
    assert_eq!(Checkpoint::parse(&head.body()), Ok(head.clone()));
    for (from, to) in [
        ("\n8\n", "\n08\n"),
        ("\n8\n", "\n+8\n"),
        ("\n8\n", "\n-8\n"),
        ("\n8\n", "\n9223372036854775808\n"),
        ("log.example/1\n", "\n"),
        ("=\n", "=\nextension\n"),
        ("=\n", "="),
        ("=\n", "=\n\n"),
    ] {
        assert!(
            Checkpoint::parse(&head.body().replace(from, to)).is_err(),
            "{from:?} -> {to:?}"
        );
    }
}

#[test]
fn a_checkpoint_counts_only_under_the_key_and_the_name_of_its_log() {
    let (log, witness, head) = checkpoint();
    let mut note = Note::new(head.body(), vec![log.sign(&head.body())]).unwrap();
    note.add(witness.cosign(&head.body(), 1_700_000_000));
    let text = note.to_string();
    let open = |key: &VerifierKey| SignedCheckpoint::open(&text, key, &Aws);
    assert_eq!(open(&log.key).unwrap().checkpoint(), &head);
    assert_eq!(
        witness.key.check_cosignature(&note, &Aws),
        Ok(1_700_000_000)
    );
    let stranger = Signer::new("log.example/1", KeyKind::Log, 3).key;
    assert_eq!(
        open(&stranger),
        Err(TlogError::Unsigned("log.example/1".into()))
    );
    let renamed = Signer::new("log.example/2", KeyKind::Log, 1).key;
    assert!(matches!(open(&renamed), Err(TlogError::Origin { .. })));
    let as_log =
        VerifierKey::new("witness.example/w", KeyKind::Log, *witness.key.public()).unwrap();
    assert!(
        as_log.check(&note, &Aws).is_err(),
        "a cosignature is not a signature of a log"
    );
    assert!(log.key.check_cosignature(&note, &Aws).is_err());
}

#[test]
fn a_cosignature_covers_its_time() {
    let (_, witness, head) = checkpoint();
    let honest = witness.cosign(&head.body(), 1_700_000_000);
    let mut bytes = honest.signature().to_vec();
    bytes[7] ^= 1;
    let forged = NoteSignature::new(honest.name(), honest.id(), bytes).unwrap();
    let note = Note::new(head.body(), vec![forged]).unwrap();
    assert!(witness.key.check_cosignature(&note, &Aws).is_err());
}

#[test]
fn a_newer_signature_takes_the_place_of_one_by_the_same_key() {
    let (_, witness, head) = checkpoint();
    let mut note = Note::new(head.body(), vec![witness.cosign(&head.body(), 1)]).unwrap();
    note.add(witness.cosign(&head.body(), 2));
    assert_eq!(note.signatures().len(), 1);
    assert_eq!(witness.key.check_cosignature(&note, &Aws), Ok(2));
}

#[test]
fn a_proof_stands_alone_and_fails_for_any_other_entry() {
    let (log, _, mut head) = checkpoint();
    let tree = whole(8);
    head.root = mth(&tree.0);
    let note = Note::new(head.body(), vec![log.sign(&head.body())]).unwrap();
    let proof = LogProof {
        extra: Some(b"where it came from".to_vec()),
        index: 5,
        path: inclusion(&tree, 5, 8).unwrap(),
        checkpoint: note,
    };
    let again = LogProof::parse(&proof.to_string()).unwrap();
    assert_eq!(again, proof);
    again.verify(&leaf(5), &log.key, &Aws).unwrap();
    assert!(again.verify(&leaf(6), &log.key, &Aws).is_err());
    let text = proof.to_string();
    for (from, to) in [
        ("index 5", "index 05"),
        ("index 5", "index -5"),
        ("@v1", "@v2"),
        ("extra ", "Extra "),
        ("\n\n", "\n"),
    ] {
        assert!(
            LogProof::parse(&text.replacen(from, to, 1)).is_err(),
            "{from} -> {to}"
        );
    }
    let moved = LogProof::parse(&text.replace("index 5", "index 4")).unwrap();
    assert!(moved.verify(&leaf(5), &log.key, &Aws).is_err());
}

#[test]
fn a_request_to_a_witness_reads_back() {
    let (log, _, head) = checkpoint();
    let request = AddCheckpoint {
        old: 3,
        proof: vec![leaf(1), leaf(2)],
        checkpoint: Note::new(head.body(), vec![log.sign(&head.body())]).unwrap(),
    };
    let text = request.to_string();
    assert_eq!(AddCheckpoint::parse(&text), Ok(request));
    for (from, to) in [
        ("old 3", "old 03"),
        ("old 3", "Old 3"),
        ("old 3\n", ""),
        ("old 3\n", "old 3\nAAAA\n"),
    ] {
        assert!(
            AddCheckpoint::parse(&text.replacen(from, to, 1)).is_err(),
            "{from} -> {to}"
        );
    }
    let long = text.replacen(
        "old 3\n",
        &format!("old 3\n{}", format!("{}\n", leaf(1)).repeat(62)),
        1,
    );
    assert!(AddCheckpoint::parse(&long).is_err());
}

proptest! {
    #[test]
    fn whatever_is_read_as_a_note_is_written_back_the_same(text in "\\PC*\n\n— [a-z]{1,4} [A-Za-z0-9+/]{8}\n") {
        if let Ok(note) = Note::parse(&text) {
            prop_assert_eq!(note.to_string(), text);
        }
    }

    #[test]
    fn no_single_altered_bit_of_a_checkpoint_passes(bit in any::<prop::sample::Index>()) {
        let (log, _, head) = checkpoint();
        let note = Note::new(head.body(), vec![log.sign(&head.body())]).unwrap().to_string();
        let mut bytes = note.into_bytes();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(text) = String::from_utf8(bytes) {
            prop_assert!(SignedCheckpoint::open(&text, &log.key, &Aws).is_err());
        }
    }
}
