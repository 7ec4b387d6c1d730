use super::{Access, Caller, Deed, Error, FirstAdministrator, Password, Role};

/// What the first administrator is called.
pub(super) const FIRST_NAME: &str = "admin";

impl Access {
    /// Makes the first administrator, `admin`, where there is no operator yet. A password made here
    /// is in the file before the operator is in the database.
    ///
    /// # Errors
    /// [`Error::Weak`] when the given password cannot be taken, or that file or database failed.
    pub async fn first_administrator(
        &self,
        given: Option<Password>,
    ) -> Result<FirstAdministrator, Error> {
        let there: i64 = sqlx::query_scalar("SELECT count(*) FROM operator")
            .fetch_one(self.store.pool())
            .await?;
        if there > 0 {
            // Killed between the change of the password and the end of the file.
            if !self.must_change(FIRST_NAME).await? {
                self.forget_first_password().await;
            }
            return Ok(FirstAdministrator::Exists);
        }
        let caller = Caller { who: "collector".into(), address: "local".into() };
        match given {
            Some(password) => {
                password.check()?;
                self.insert_operator(FIRST_NAME, password, false, None, &caller).await?;
                self.forget_first_password().await;
                Ok(FirstAdministrator::Given)
            }
            None => {
                let password = Password::random();
                let (file, written) = (self.first_password.clone(), password.clone());
                on_a_thread(move || file.write(&written)).await.map_err(Error::File)?;
                self.insert_operator(FIRST_NAME, password.clone(), true, None, &caller).await?;
                Ok(FirstAdministrator::Random(password))
            }
        }
    }

    /// Adds an administrator or, with an agency, an analyst of it; the one-time password that is returned must be changed at the first
    /// sign-in.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Exists`], or that it could not be written.
    pub async fn add_operator(
        &self,
        name: &str,
        agency: Option<i64>,
        caller: &Caller,
    ) -> Result<Password, Error> {
        let name = name.trim().to_lowercase();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_@".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
            return Err(Error::Name);
        }
        let password = Password::random();
        self.insert_operator(&name, password.clone(), true, agency, caller).await?;
        Ok(password)
    }

    /// Removes the file of the first password; it opens nothing any more, so that a file which
    /// cannot be removed is no reason to fail.
    pub(super) async fn forget_first_password(&self) {
        let file = self.first_password.clone();
        if let Err(error) = on_a_thread(move || file.remove()).await {
            tracing::warn!(%error, "the file of the first password could not be removed");
        }
    }

    async fn must_change(&self, name: &str) -> Result<bool, Error> {
        let found = sqlx::query_scalar("SELECT must_change FROM operator WHERE name = ?")
            .bind(name)
            .fetch_optional(self.store.pool())
            .await?;
        Ok(found.unwrap_or(false))
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
        agency: Option<i64>,
        caller: &Caller,
    ) -> Result<(), Error> {
        let hash = self.hash(password).await?;
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let made = sqlx::query(
            "INSERT INTO operator (name, password, role, must_change, created_at, agency)
             VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(name)
        .bind(hash)
        .bind(Role::of(agency).as_str())
        .bind(must_change)
        .bind(now.as_micros())
        .bind(agency)
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

async fn on_a_thread(
    work: impl FnOnce() -> std::io::Result<()> + Send + 'static,
) -> std::io::Result<()> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}
