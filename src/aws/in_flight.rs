use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

/// What an interceptor knows of the call that is under way, in the call's own configuration: two
/// calls never share it, and it is dropped, with the spans in it, when the call's future is.
#[derive(Debug)]
pub(crate) struct InFlight<C>(Option<C>);

impl<C: std::fmt::Debug + Send + Sync + 'static> InFlight<C> {
    /// Whether an interceptor has taken the call on already.
    pub(crate) fn is_set(cfg: &mut ConfigBag) -> bool {
        cfg.get_mut_from_interceptor_state::<Self>().is_some()
    }

    pub(crate) fn put(cfg: &mut ConfigBag, call: C) {
        cfg.interceptor_state().store_put(Self(Some(call)));
    }

    #[cfg(feature = "sns")]
    pub(crate) fn get(cfg: &ConfigBag) -> Option<&C> {
        cfg.load::<Self>()?.0.as_ref()
    }

    pub(crate) fn take(cfg: &mut ConfigBag) -> Option<C> {
        cfg.get_mut_from_interceptor_state::<Self>()?.0.take()
    }
}

impl<C: std::fmt::Debug + Send + Sync + 'static> Storable for InFlight<C> {
    type Storer = StoreReplace<Self>;
}
