//! Asking a source live: the question from its template, its pages, and what its answers mean.

pub(super) mod answer;
pub(super) mod auth;
mod gather;
pub(super) mod paging;
pub(super) mod request;
mod search;
pub(super) mod template;

pub(super) use self::{
    gather::saved,
    search::{Site, image, run},
};
