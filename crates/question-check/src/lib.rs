//! Finds defects in a question before money is bound.
