use super::{super::testing::*, *};

const FAULT: Step = Step::Fail(ErrorKind::Unavailable);

struct Subject {
    script: Script,
    layer: BreakerLayer,
}

impl Subject {
    fn new() -> Self {
        let script = Script::default();
        let layer = BreakerLayer::new(script.adapter(), BreakerSettings::default());
        Self { script, layer }
    }

    /// One whose breaker is open.
    async fn open() -> Self {
        let subject = Self::new();
        subject.fail(5).await;
        assert!(subject.is_open());
        subject
    }

    async fn call(&self, step: Step) -> Result<Page> {
        self.script.next([step]);
        let bench = Bench::new();
        self.layer.search(&bench.ctx, &bench.permit).await
    }

    async fn fail(&self, times: usize) {
        for _ in 0..times {
            assert!(self.call(FAULT).await.is_err());
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.layer.state(), BreakerState::Open { .. })
    }

    fn cooldown(&self) -> Duration {
        match self.layer.state() {
            BreakerState::Open { until } => until - monotonic(),
            other => panic!("not open: {other:?}"),
        }
    }

    async fn cool_down(&self) {
        tokio::time::advance(self.cooldown()).await;
        assert_eq!(self.layer.state(), BreakerState::HalfOpen);
    }
}

#[tokio::test(start_paused = true)]
async fn five_failures_in_a_row_open_it_and_four_do_not() {
    let subject = Subject::new();
    subject.fail(4).await;
    assert_eq!(subject.layer.state(), BreakerState::Closed);
    subject.call(Step::Send(0)).await.unwrap();
    subject.fail(4).await;
    assert_eq!(subject.layer.state(), BreakerState::Closed);
    subject.fail(1).await;
    assert!(subject.is_open());
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_refuses_every_operation_without_contact_and_says_how_long() {
    let subject = Subject::open().await;
    let (bench, calls) = (Bench::new(), subject.script.calls());
    let layer = &subject.layer;
    let errors = [
        layer.search(&bench.ctx, &bench.permit).await.unwrap_err(),
        layer
            .poll(&bench.ctx, &bench.ingest, &Cursor::default())
            .await
            .unwrap_err(),
        layer
            .image(&bench.ctx, &bench.image_permit, &bench.image)
            .await
            .map(|_| ())
            .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(error.retry(), Retry::After(subject.cooldown()));
    }
    assert_eq!(subject.script.calls(), calls);
    assert_eq!(decode_both(layer), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn less_than_half_success_in_ten_calls_opens_it_without_a_row() {
    let subject = Subject::new();
    subject.fail(4).await;
    subject.call(Step::Send(0)).await.unwrap();
    subject.fail(4).await;
    assert_eq!(
        subject.layer.state(),
        BreakerState::Closed,
        "nine calls are too few"
    );
    subject.call(Step::Send(0)).await.unwrap();
    assert_eq!(
        subject.layer.state(),
        BreakerState::Closed,
        "a success never opens it"
    );
    subject.fail(1).await;
    assert!(subject.is_open());
}

#[tokio::test(start_paused = true)]
async fn half_success_keeps_it_closed() {
    let subject = Subject::new();
    for _ in 0..50 {
        subject.call(Step::Send(0)).await.unwrap();
        subject.fail(1).await;
    }
    assert_eq!(subject.layer.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn failures_older_than_the_window_are_forgotten() {
    for (gap, opens) in [(8, true), (10, false)] {
        let subject = Subject::new();
        subject.fail(4).await;
        subject.call(Step::Send(0)).await.unwrap();
        tokio::time::advance(Duration::from_secs(gap)).await;
        subject.fail(4).await;
        subject.call(Step::Send(0)).await.unwrap();
        subject.fail(1).await;
        assert_eq!(subject.is_open(), opens, "{gap} s");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_the_sources_fault_neither_opens_nor_closes_it() {
    let innocent = [
        ErrorKind::Unsupported,
        ErrorKind::Undisclosed,
        ErrorKind::Unauthorized,
        ErrorKind::RateLimited,
        ErrorKind::QuotaExhausted,
        ErrorKind::Config,
    ];
    for kind in innocent {
        let subject = Subject::new();
        for _ in 0..30 {
            assert!(subject.call(Step::Fail(kind)).await.is_err());
        }
        assert_eq!(subject.layer.state(), BreakerState::Closed, "{kind:?}");
        subject.fail(4).await;
        assert!(subject.call(Step::Fail(kind)).await.is_err());
        subject.fail(1).await;
        assert!(
            subject.is_open(),
            "{kind:?} does not interrupt a row of failures"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn every_fault_of_the_source_opens_it() {
    for kind in [
        ErrorKind::Unavailable,
        ErrorKind::TimedOut,
        ErrorKind::Malformed,
    ] {
        let subject = Subject::new();
        for _ in 0..5 {
            assert!(subject.call(Step::Fail(kind)).await.is_err());
        }
        assert!(subject.is_open(), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_impatient_caller_cannot_open_it() {
    let subject = Subject::new();
    subject.script.always(Step::Fail(ErrorKind::TimedOut));
    for _ in 0..30 {
        let bench = Bench::with(Duration::from_millis(999), Duration::ZERO);
        assert!(
            subject
                .layer
                .search(&bench.ctx, &bench.permit)
                .await
                .is_err()
        );
    }
    assert_eq!(subject.layer.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_successful_probe_closes_it_and_forgets_the_past() {
    let subject = Subject::open().await;
    subject.cool_down().await;
    subject.call(Step::Send(0)).await.unwrap();
    assert_eq!(subject.layer.state(), BreakerState::Closed);
    subject.fail(4).await;
    assert_eq!(subject.layer.state(), BreakerState::Closed);
    subject.fail(1).await;
    assert!(
        subject.cooldown() <= Duration::from_millis(1_500),
        "the first again"
    );
}

#[tokio::test(start_paused = true)]
async fn cool_downs_double_up_to_the_longest_with_up_to_half_added() {
    for seed in 0..50 {
        fastrand::seed(seed);
        let subject = Subject::open().await;
        for base in [1, 2, 4, 8, 16, 32, 60, 60, 60].map(Duration::from_secs) {
            let cooldown = subject.cooldown();
            assert!(
                cooldown >= base && cooldown <= base.mul_f64(1.5),
                "{base:?} {cooldown:?}"
            );
            subject.cool_down().await;
            subject.fail(1).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_probe_at_a_time_is_let_through() {
    let subject = Subject::open().await;
    subject.cool_down().await;
    let calls = subject.script.calls();
    subject
        .script
        .always(Step::Take(Duration::from_millis(500)));
    let bench = Bench::new();
    let asking = (0..50).map(|_| subject.layer.search(&bench.ctx, &bench.permit));
    let outcomes = futures::future::join_all(asking).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(subject.script.calls(), calls + 1);
    for error in outcomes.into_iter().filter_map(Result::err) {
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(error.retry(), Retry::After(Duration::from_secs(1)));
    }
    assert_eq!(subject.layer.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_dropped_or_says_nothing_makes_room_for_the_next() {
    let subject = Subject::open().await;
    subject.cool_down().await;
    subject.script.next([Step::Hang]);
    let bench = Bench::new();
    let probe = subject.layer.search(&bench.ctx, &bench.permit);
    assert!(
        tokio::time::timeout(Duration::from_millis(10), probe)
            .await
            .is_err()
    );
    assert_eq!(subject.layer.state(), BreakerState::HalfOpen);
    let silent = subject
        .call(Step::Fail(ErrorKind::RateLimited))
        .await
        .unwrap_err();
    assert_eq!(silent.kind(), ErrorKind::RateLimited, "it was let through");
    subject.call(Step::Send(0)).await.unwrap();
    assert_eq!(subject.layer.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn failures_that_come_in_late_do_not_prolong_the_cool_down() {
    let subject = Subject::new();
    let (bench, early) = (Bench::new(), Bench::new());
    subject
        .script
        .always(Step::SendThenFail(1, ErrorKind::Unavailable));
    let slow = Bench::with(Duration::from_secs(8), Duration::from_millis(700));
    let late = (0..20).map(|_| subject.layer.search(&slow.ctx, &slow.permit));
    let soon = async {
        for _ in 0..5 {
            assert!(
                subject
                    .layer
                    .search(&early.ctx, &early.permit)
                    .await
                    .is_err()
            );
        }
        subject.layer.state()
    };
    let (outcomes, opened) = tokio::join!(futures::future::join_all(late), soon);
    assert!(outcomes.iter().all(Result::is_err));
    assert_eq!(subject.layer.state(), opened, "the same cool-down");
    subject.cool_down().await;
    subject.script.next([Step::Send(0)]);
    subject
        .layer
        .search(&bench.ctx, &bench.permit)
        .await
        .unwrap();
    assert_eq!(subject.layer.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_late_outcome_of_an_earlier_phase_does_not_settle_the_probe() {
    for step in [Step::Send(1), Step::SendThenFail(1, ErrorKind::Unavailable)] {
        let subject = Subject::new();
        let slow = Bench::with(Duration::from_secs(8), Duration::from_secs(3));
        let long = Bench::with(Duration::from_secs(8), Duration::from_secs(6));
        subject.script.next([step]);
        let late = subject.layer.search(&slow.ctx, &slow.permit);
        let probe = async {
            tokio::task::yield_now().await;
            subject.fail(5).await;
            subject.cool_down().await;
            subject.script.next([Step::Send(1)]);
            subject.layer.search(&long.ctx, &long.permit).await
        };
        let watch = async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            let bench = Bench::new();
            let other = subject.layer.search(&bench.ctx, &bench.permit).await;
            (subject.layer.state(), other.is_err())
        };
        let (_, probed, during) = tokio::join!(late, probe, watch);
        assert_eq!(during, (BreakerState::HalfOpen, true), "still probing");
        assert!(probed.is_ok());
        assert_eq!(subject.layer.state(), BreakerState::Closed);
    }
}
