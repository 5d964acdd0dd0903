//! The smallest contract that asks the LLM oracle: one fixed question, one stored answer.
#![cfg_attr(not(feature = "std"), no_std, no_main)]
// ink!'s macros generate the entry points without docs.
#![allow(missing_docs)]

#[ink::contract]
mod first_question {
    use llm_oracle_consumer::{
        Answer, CallbackLimits, Oracle, OracleConsumer, OracleError, Outcome, Question, RequestId,
    };

    const QUESTION: &str = "Is the tone of this announcement positive? Sales have doubled.";
    /// Reward of each seat, planck.
    const REWARD: Balance = 10_000_000_000;
    /// Limits of the callback, which changes one storage cell of a few bytes.
    const CALLBACK: CallbackLimits = CallbackLimits {
        ref_time: 5_000_000_000,
        proof_size: 262_144,
        storage_deposit: 10_000_000_000,
    };

    #[ink(storage)]
    pub struct FirstQuestion {
        oracle: AccountId,
        asked: Option<RequestId>,
        answer: Option<bool>,
    }

    impl FirstQuestion {
        #[ink(constructor)]
        pub fn new(oracle: AccountId) -> Self {
            Self {
                oracle,
                asked: None,
                answer: None,
            }
        }

        /// Asks once. The caller pays the price, and refunds are credited to the caller.
        #[ink(message, payable)]
        pub fn ask(&mut self) -> Result<RequestId, OracleError> {
            assert!(self.asked.is_none(), "already asked");
            let question = Question::yes_or_no(QUESTION).callback(CALLBACK);
            let terms = question.refund_to(self.env().caller()).open();
            let id = Oracle::at(self.oracle).ask(&terms, REWARD, self.env().transferred_value())?;
            self.asked = Some(id);
            Ok(id)
        }

        #[ink(message)]
        pub fn answer(&self) -> Option<bool> {
            self.answer
        }
    }

    impl OracleConsumer for FirstQuestion {
        #[ink(message, selector = 0x4c4c4d61)]
        fn on_answer(&mut self, request_id: RequestId, outcome: Outcome) {
            assert!(self.env().caller() == self.oracle && self.asked == Some(request_id));
            match outcome {
                Outcome::Answered {
                    answer: Answer::Bool(yes),
                    ..
                } => self.answer = Some(yes),
                // Undetermined, no consensus or expired: the question can be asked again.
                _ => self.asked = None,
            }
        }
    }
}
