use super::{Access, Caller, Deed, Error, FirstAdministrator, Password};

/// What the first administrator is called.
const FIRST_NAME: &str = "admin";

impl Access {
    /// Makes the first administrator, `admin`, where there is no operator yet.
    ///
    /// # Errors
    /// [`Error::Weak`] when the given password cannot be taken, or that the database failed.
    pub async fn first_administrator(
        &self,
        given: Option<Password>,
    ) -> Result<FirstAdministrator, Error> {
        let there: i64 = sqlx::query_scalar("SELECT count(*) FROM operator")
            .fetch_one(self.store.pool())
            .await?;
        if there > 0 {
            return Ok(FirstAdministrator::Exists);
        }
        let caller = Caller { who: "collector".into(), address: "local".into() };
        match given {
            Some(password) => {
                password.check()?;
                self.insert_operator(FIRST_NAME, password, false, &caller).await?;
                Ok(FirstAdministrator::Given)
            }
            None => {
                let password = Password::random();
                self.insert_operator(FIRST_NAME, password.clone(), true, &caller).await?;
                Ok(FirstAdministrator::Random(password))
            }
        }
    }

    /// Adds an administrator; the one-time password that is returned must be changed at the first
    /// sign-in.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Exists`], or that it could not be written.
    pub async fn add_operator(&self, name: &str, caller: &Caller) -> Result<Password, Error> {
        let name = name.trim().to_lowercase();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_@".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
            return Err(Error::Name);
        }
        let password = Password::random();
        self.insert_operator(&name, password.clone(), true, caller).await?;
        Ok(password)
    }

    pub(super) async fn stored_password(&self, name: &str) -> Result<Option<String>, Error> {
        Ok(sqlx::query_scalar("SELECT password FROM operator WHERE name = ?")
            .bind(name)
            .fetch_optional(self.store.pool())
            .await?)
    }

    async fn insert_operator(
        &self,
        name: &str,
        password: Password,
        must_change: bool,
        caller: &Caller,
    ) -> Result<(), Error> {
        let hash = self.hash(password).await?;
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let made = sqlx::query(
            "INSERT INTO operator VALUES (?, ?, 'administrator', ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(name)
        .bind(hash)
        .bind(must_change)
        .bind(now.as_micros())
        .execute(&mut *tx)
        .await?;
        if made.rows_affected() == 0 {
            return Err(Error::Exists);
        }
        let deed = Deed::new(&caller.who, &caller.address, "operator added", name);
        deed.write(&mut tx, now).await?;
        Ok(tx.commit().await?)
    }
}
