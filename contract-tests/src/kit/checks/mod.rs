//! Every check, by what it is about.

mod accounts;
mod capabilities;
mod decoding;
mod images;
mod layers;
mod personal;
mod reads;
mod road;
mod search;
mod shared;
mod vendor;

use super::{Check, Scope};

macro_rules! checks {
    ($(
        $module:ident in $scope:ident {
            $($name:ident),* $(,)?
            $(; shared $which:ident $($shared:ident),* $(,)?)*
        }
    )*) => {
        &[$(
            $(Check {
                name: stringify!($name),
                group: stringify!($module),
                scope: Scope::$scope,
                run: |bench| Box::pin($module::$name(bench)),
            },)*
            $($(Check {
                name: stringify!($shared),
                group: stringify!($module),
                scope: Scope::$scope,
                run: |bench| Box::pin(shared::$which(bench, stringify!($shared))),
            },)*)*
        )*]
    };
}

/// Every check.
pub const CHECKS: &[Check] = checks! {
    capabilities in EveryRoad {
        undeclared_search_is_unsupported_and_silent,
        undeclared_poll_is_unsupported_and_silent,
        undeclared_images_are_unsupported_and_silent,
        undeclared_comparisons_are_unsupported_and_silent,
    }
    capabilities in Both {
        the_family_is_the_one_of_the_vendor,
        building_and_decoding_contact_nobody,
        every_declared_operation_works,
        ; shared every
        info_is_constant,
        info_declares_no_more_than_the_registry,
        a_subscription_is_named_if_declared_and_stays_with_the_source,
        undeclared_messages_are_unsupported,
        undeclared_files_are_unsupported,
        settings_nobody_documents_are_refused_by_name,
    }
    search in Both {
        every_passage_of_the_plate_is_found_and_no_other,
        each_plate_of_the_town_gets_its_own_passages,
        only_the_window_asked_for_is_answered,
        reads_come_newest_first,
        no_more_reads_come_than_the_agreement_grants,
        truncated_is_said_when_something_is_missing_and_only_then,
        nothing_found_is_an_empty_answer,
        pages_are_followed,
        questions_at_once_do_not_mix,
        the_same_question_gets_the_same_answer,
    }
    vendor in Both {
        a_record_that_comes_twice_is_one_read,
        records_in_no_order_come_newest_first,
        pages_in_a_circle_end,
        the_same_page_again_and_again_ends,
        bad_records_hide_no_good_ones,
        a_stale_credential_is_replaced_once,
        a_refused_credential_is_said_and_not_tried_for_ever,
        a_wrong_clock_changes_no_answer,
    }
    personal in Both {
        nothing_personal_survives_decoding,
        nothing_personal_survives_an_answer,
        rejections_name_field_and_rule_and_no_value,
        errors_hold_no_plate_no_secret_and_no_word_of_the_vendor,
        ; shared every
        reads_do_not_print_their_plate,
    }
    accounts in Both {
        the_source_is_asked_for_plate_and_window_of_the_permit,
        who_asks_is_never_told,
        what_is_not_disclosed_is_not_told,
        a_source_that_insists_on_the_undisclosed_is_not_contacted,
        what_a_source_insists_on_is_declared,
        only_the_pinned_hosts_are_contacted,
        without_its_secrets_nothing_is_sent,
        after_the_deadline_nothing_is_sent,
    }
    decoding in Both {
        every_payload_becomes_what_it_is,
        every_passage_delivered_is_read_as_it_was,
        a_bad_record_costs_one_record,
        kinds_that_are_no_sightings_give_no_read,
        vendors_are_answered_as_their_format_wants,
        a_correction_is_newer_and_of_the_same_passage,
        ; shared every
        decoding_is_pure,
    }
    reads in Both {
        every_instant_has_a_known_zone,
        confidences_are_on_the_scale_and_as_sent,
        issuers_are_as_sent_or_absent,
        no_read_is_at_nowhere,
        what_the_vendor_does_not_say_is_null,
        the_text_as_sent_is_kept,
        records_are_told_apart,
        ; shared understood
        every_read_has_identity_plate_and_instant,
        reads_survive_being_written_and_read_again,
    }
    hostile in Both {
        ; shared always
        an_empty_payload_holds_no_read,
        garbage_holds_no_read,
        a_cut_payload_adds_no_read,
        changed_bytes_are_survived,
        bad_text_encoding_is_survived,
        every_payload_is_decided_soon,
        an_adapter_decodes_on_after_nonsense,
    }
    images in Both {
        an_image_is_fetched_whole,
        an_image_that_is_gone_is_an_error_and_asked_for_once,
        a_huge_image_is_refused,
        an_image_that_is_something_else_is_refused,
        a_foreign_image_reference_is_refused_before_anything_is_sent,
        image_references_are_no_addresses_and_no_pictures,
    }
    road in Both {
        the_time_a_source_asks_for_is_passed_on,
        without_a_time_the_caller_backs_off,
        a_redirect_is_not_followed,
        a_silent_source_ends_at_the_deadline,
        a_slow_source_is_waited_for,
        a_passing_fault_leaves_no_trace,
    }
    layers in Layers {
        a_single_fault_is_not_noticed,
        the_wait_a_source_asks_for_is_kept,
        the_breaker_opens_after_faults_and_closes_again,
        the_quota_is_never_exceeded,
        refusals_by_capability_do_not_count_as_faults,
    }
};
