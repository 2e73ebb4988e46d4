//! How a caller ends what runs for its call: a client that goes away, or that says it has waited enough.

use std::sync::{Arc, Mutex, PoisonError};

/// What is done when a call is ended.
type Hook = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    is_ended: bool,
    hooks: Vec<Hook>,
}

/// Shared by the caller, who may end its call at any time, and by what runs for it. Ending twice does no harm.
#[derive(Clone, Default)]
pub struct Ending(Arc<Mutex<State>>);

impl Ending {
    /// Ends the call.
    pub fn end(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_ended = true;
        let hooks = std::mem::take(&mut state.hooks);
        drop(state);
        for hook in hooks {
            hook();
        }
    }

    /// Returns whether the call was ended.
    pub fn is_ended(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_ended
    }

    /// Has something done when the call is ended; at once where it was already.
    pub fn on_end(&self, hook: impl FnOnce() + Send + 'static) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_ended {
            drop(state);
            return hook();
        }
        state.hooks.push(Box::new(hook));
    }
}

impl std::fmt::Debug for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ending(is_ended: {})", self.is_ended())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn what_waits_for_the_end_hears_of_it_once() {
        let (ending, heard) = (Ending::default(), Arc::new(AtomicU32::new(0)));
        let hear = |heard: &Arc<AtomicU32>| {
            let heard = Arc::clone(heard);
            move || {
                heard.fetch_add(1, Ordering::SeqCst);
            }
        };
        ending.on_end(hear(&heard));
        assert!(!ending.is_ended());
        ending.clone().end();
        ending.end();
        assert_eq!(heard.load(Ordering::SeqCst), 1);
        ending.on_end(hear(&heard));
        assert_eq!(heard.load(Ordering::SeqCst), 2);
    }
}
