//! What a room fastens to an open store so that each of its transactions finds it: a key, not data.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

type Thing = Arc<dyn Any + Send + Sync>;

#[derive(Default)]
pub(crate) struct Attached(RwLock<HashMap<TypeId, Thing>>);

impl Attached {
    pub(crate) fn insert<T: Any + Send + Sync>(&self, thing: T) {
        let mut things = self.0.write().unwrap_or_else(PoisonError::into_inner);
        things.insert(TypeId::of::<T>(), Arc::new(thing));
    }

    pub(crate) fn find<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let things = self.0.read().unwrap_or_else(PoisonError::into_inner);
        things.get(&TypeId::of::<T>()).cloned()?.downcast().ok()
    }
}
