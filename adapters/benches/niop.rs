//! What decoding NIOP costs over parsing its XML: the same bytes through a bare `quick-xml` event pass and through
//! `decode_file`, both as a stream from a reader; and, as a harder measure, through an event pass over text that is in
//! memory and known to be UTF-8. The data are 50,000 invented plate transactions, about 42 MB.
//!
//! Passes alternate and the best of each side counts, so that a busy machine disturbs both alike. The sink drops each
//! read at once: what is in memory is one record and 8 bytes for each record id, whatever the size of the file.

use std::{
    error::Error,
    fmt::Write,
    io::{BufReader, Cursor},
    time::{Duration, Instant},
};

use quick_xml::{Reader, events::Event};
use turnpike_adapters::{
    adapter::{Adapter, Disposition, Item},
    niop::Niop,
};

const RECORDS: usize = 50_000;
/// Elements of one record; those around the records do not make up another one.
const STARTS_PER_RECORD: usize = 20;
const PASSES: usize = 15;
const NAME: &str = "9999_0901_0902_20260304131500.STRAN";

type Outcome<T> = Result<T, Box<dyn Error>>;

#[expect(clippy::print_stdout, reason = "a bench reports to its caller")]
fn main() -> Outcome<()> {
    // Only `cargo bench` says `--bench`; a test run builds this and measures nothing.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let bytes = file()?;
    let text = str::from_utf8(&bytes)?;
    let (mut memory, mut events, mut decode) = (Duration::MAX, Duration::MAX, Duration::MAX);
    for _ in 0..PASSES {
        memory = memory.min(timed(|| memory_pass(text))?);
        events = events.min(timed(|| event_pass(&bytes))?);
        decode = decode.min(timed(|| decode_pass(&bytes))?);
    }
    let rate = |time: Duration| bytes.len() as f64 / 1e6 / time.as_secs_f64();
    println!(
        "data    {RECORDS} records, {:.1} MB",
        bytes.len() as f64 / 1e6
    );
    println!("events, streamed          {:5.0} MB/s", rate(events));
    println!("events, all in memory     {:5.0} MB/s", rate(memory));
    println!("decode, streamed          {:5.0} MB/s", rate(decode));
    println!(
        "decode to events streamed {:5.2}",
        rate(decode) / rate(events)
    );
    println!(
        "decode to events in memory{:5.2}",
        rate(decode) / rate(memory)
    );
    Ok(())
}

fn timed(pass: impl FnOnce() -> Outcome<usize>) -> Outcome<Duration> {
    let start = Instant::now();
    let records = pass()?;
    let took = start.elapsed();
    if records == RECORDS {
        Ok(took)
    } else {
        Err(format!("{records} records").into())
    }
}

fn event_pass(bytes: &[u8]) -> Outcome<usize> {
    let mut reader = Reader::from_reader(BufReader::with_capacity(64 << 10, bytes));
    let mut piece = Vec::with_capacity(4 << 10);
    let mut starts = 0;
    loop {
        piece.clear();
        match &reader.read_event_into(&mut piece) {
            Ok(Event::Eof) => break,
            Ok(event) => {
                starts += usize::from(matches!(std::hint::black_box(event), Event::Start(_)))
            }
            Err(error) => return Err(error.clone().into()),
        }
    }
    Ok(starts / STARTS_PER_RECORD)
}

fn memory_pass(text: &str) -> Outcome<usize> {
    let mut reader = Reader::from_str(text);
    let mut starts = 0;
    loop {
        match &reader.read_event() {
            Ok(Event::Eof) => break,
            Ok(event) => {
                starts += usize::from(matches!(std::hint::black_box(event), Event::Start(_)));
            }
            Err(error) => return Err(error.clone().into()),
        }
    }
    Ok(starts / STARTS_PER_RECORD)
}

fn decode_pass(bytes: &[u8]) -> Outcome<usize> {
    let adapter = Niop::new(&serde_json::Value::Null)?;
    let mut reads = 0;
    let verdict = adapter.decode_file(NAME, &mut Cursor::new(bytes), &mut |item| {
        reads += usize::from(matches!(std::hint::black_box(item), Item::Read(_)));
        Ok(())
    })?;
    match verdict.disposition {
        Disposition::Accepted => Ok(reads),
        Disposition::Rejected(rejection) => Err(rejection.rule.into()),
    }
}

fn file() -> Outcome<Vec<u8>> {
    let mut xml = format!(
        r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<TransactionData>
  <TransactionHeader>
    <SubmissionType>STRAN</SubmissionType>
    <SubmissionDateTime>2026-03-04T13:15:00Z</SubmissionDateTime>
    <SSIOPHubID>9999</SSIOPHubID>
    <AwayAgencyID>0901</AwayAgencyID>
    <HomeAgencyID>0902</HomeAgencyID>
    <TxnDataSeqNo>118</TxnDataSeqNo>
    <RecordCount>{RECORDS}</RecordCount>
  </TransactionHeader>
  <TransactionDetail>
"#
    );
    for index in 0..RECORDS {
        record(&mut xml, index)?;
    }
    xml.push_str("  </TransactionDetail>\n</TransactionData>\n");
    Ok(xml.into_bytes())
}

fn record(xml: &mut String, index: usize) -> Outcome<()> {
    let (minute, second) = (index / 60 % 60, index % 60);
    write!(
        xml,
        r"    <TransactionRecord>
      <RecordType>VB01</RecordType>
      <TxnReferenceID>9010000000000{index:07}</TxnReferenceID>
      <ExitDateTime>2026-03-04T12:{minute:02}:{second:02}Z</ExitDateTime>
      <FacilityID>BRKDALE</FacilityID>
      <FacilityDesc>BROOKDALE CONNECTOR</FacilityDesc>
      <ExitPlaza>BN{plaza:02}</ExitPlaza>
      <ExitPlazaDesc>BROOKDALE NORTH</ExitPlazaDesc>
      <ExitLane>{lane:02}</ExitLane>
      <OccupancyInd>1</OccupancyInd>
      <VehicleClass>2</VehicleClass>
      <TollAmount>{toll}</TollAmount>
      <PlateInfo>
        <PlateCountry>US</PlateCountry>
        <PlateState>{state}</PlateState>
        <PlateNumber>TPK{index:05}</PlateNumber>
        <PlateType>PASSENGER</PlateType>
      </PlateInfo>
      <SystemMatchInd>0</SystemMatchInd>
      <Spare1>0</Spare1>
      <ExitDateTimeTZ>2026-03-04T07:{minute:02}:{second:02}-05:00</ExitDateTimeTZ>
    </TransactionRecord>
",
        plaza = index % 40,
        lane = index % 12,
        toll = 100 + index % 900,
        state = ["GA", "FL", "AL", "SC", "NC"]
            .get(index % 5)
            .ok_or("no state")?,
    )?;
    Ok(())
}
