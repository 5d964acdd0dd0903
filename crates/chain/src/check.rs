//! Checks that the chain and the contract are the expected ones.

use super::{api::ChainApi, chain::Chain, error::ChainError, oracle::OracleClient};
use llm_oracle_primitives::{digest, AccountId, Config, Hash, INTERFACE_VERSION};

/// What the contract is expected to be, as recorded at the deployment.
#[derive(Debug, Clone, Default)]
pub struct Expect {
    /// Hashes of the code that the contract may have: one, and for an upgrade the announced one too. Empty: any.
    pub code_hashes: Vec<Hash>,
}

impl Expect {
    /// One code and no other.
    pub fn code(hash: Hash) -> Self {
        Self {
            code_hashes: vec![hash],
        }
    }

    /// Whether the contract may have this code.
    pub fn accepts(&self, code_hash: &Hash) -> bool {
        self.code_hashes.is_empty() || self.code_hashes.contains(code_hash)
    }
}

/// An oracle whose code, interface, chain and domain have been checked.
#[derive(Debug, Clone)]
pub struct CheckedOracle<C = Chain> {
    /// The contract.
    pub oracle: OracleClient<C>,
    /// Its configuration.
    pub config: Config,
    /// Hash of its code.
    pub code_hash: Hash,
}

impl<C: AsRef<dyn ChainApi> + Clone> CheckedOracle<C> {
    /// Checks code, interface, chain and domain.
    ///
    /// # Errors
    /// `NoContract`, `OtherCode`, `NotAnOracle`, `OtherChain`, `OtherDomain` with both values each;
    /// connection errors.
    pub async fn check(chain: &C, address: AccountId, expect: &Expect) -> Result<Self, ChainError> {
        let found = chain.as_ref().code_hash(&address, None).await?;
        let found = found.ok_or(ChainError::NoContract { address })?;
        if !expect.accepts(&found) {
            return Err(ChainError::OtherCode {
                address,
                expected: expect.code_hashes.clone(),
                found,
            });
        }
        let oracle = OracleClient::new(chain.clone(), address);
        check_interface(&oracle).await?;
        let config = oracle.config(None).await?;
        check_domain(&config, &chain.as_ref().genesis())?;
        Ok(Self {
            oracle,
            config,
            code_hash: found,
        })
    }
}

async fn check_interface<C: AsRef<dyn ChainApi>>(
    oracle: &OracleClient<C>,
) -> Result<(), ChainError> {
    let address = oracle.address;
    let version = match oracle.interface_version(None).await {
        Ok(version) => version,
        Err(error) if is_answer_of_another(&error) => {
            let reason = format!("asked for its interface_version, {error}");
            return Err(ChainError::NotAnOracle { address, reason });
        }
        // A node that refuses says nothing about the contract.
        Err(error) => return Err(error),
    };
    if version == INTERFACE_VERSION {
        return Ok(());
    }
    let reason = format!("its interface version is {version}, and ours is {INTERFACE_VERSION}");
    Err(ChainError::NotAnOracle { address, reason })
}

/// Whether a contract that has no such message has answered: it traps, reverts, or returns other bytes.
fn is_answer_of_another(error: &ChainError) -> bool {
    match error {
        ChainError::Contract(_) | ChainError::ForeignContract { .. } => true,
        ChainError::Decode { .. } => true,
        ChainError::Dispatch { name, .. } => {
            let ends = ["ContractTrapped", "ContractReverted"];
            ends.iter().any(|end| *name == format!("Contracts::{end}"))
        }
        _ => false,
    }
}

fn check_domain(config: &Config, genesis: &Hash) -> Result<(), ChainError> {
    if config.genesis != *genesis {
        return Err(ChainError::OtherChain {
            expected: config.genesis,
            found: *genesis,
        });
    }
    let Config {
        deployer,
        deployed_at,
        deployed_at_ms,
        ..
    } = config;
    let expected = digest::domain(genesis, deployer, *deployed_at, *deployed_at_ms);
    if config.domain != expected {
        return Err(ChainError::OtherDomain {
            expected,
            found: config.domain,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use llm_oracle_primitives::Params;

    fn config() -> Config {
        let deployer = AccountId::from([1; 32]);
        Config {
            interface_version: INTERFACE_VERSION,
            domain: digest::domain(&[7; 32], &deployer, 3, 4),
            genesis: [7; 32],
            deployer,
            deployed_at: 3,
            deployed_at_ms: 4,
            owner: deployer,
            sink: deployer,
            unit: 1_000_000_000_000,
            min_notice_blocks: 115_200,
            params: Params::for_unit(1_000_000_000_000),
            next_id: 0,
            lowest_open_id: 0,
            operators: 0,
            sets: 0,
            paused: false,
            offered_to: None,
            next_params: None,
            next_code: None,
        }
    }

    #[test]
    fn one_of_several_codes_is_accepted_and_any_when_none_is_named() {
        let upgrade = Expect {
            code_hashes: vec![[1; 32], [2; 32]],
        };
        assert!(upgrade.accepts(&[1; 32]) && upgrade.accepts(&[2; 32]));
        assert!(!upgrade.accepts(&[3; 32]));
        assert!(!Expect::code([1; 32]).accepts(&[2; 32]));
        assert!(Expect::default().accepts(&[3; 32]));
        let told = ChainError::OtherCode {
            address: AccountId::from([0; 32]),
            expected: upgrade.code_hashes,
            found: [3; 32],
        };
        let told = told.to_string();
        for byte in ["01", "02", "03"] {
            assert!(told.contains(&format!("0x{}", byte.repeat(32))), "{told}");
        }
    }

    #[test]
    fn another_chain_and_another_domain_are_refused() {
        assert!(check_domain(&config(), &[7; 32]).is_ok());
        assert!(matches!(
            check_domain(&config(), &[8; 32]),
            Err(ChainError::OtherChain { expected, found }) if expected == [7; 32] && found == [8; 32]
        ));
        let moved = Config {
            deployed_at: 5,
            ..config()
        };
        assert!(matches!(
            check_domain(&moved, &[7; 32]),
            Err(ChainError::OtherDomain { .. })
        ));
    }
}
