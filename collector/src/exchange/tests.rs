use super::*;
use crate::clock::SetClock;
use crate::config;
use crate::fleet::Application;
use crate::reorganise::{self, Reorganiser};
use crate::serve::Kept;
use crate::sheet::Format;

struct World {
    kept: Kept,
    tables: Reorganiser,
    _folder: tempfile::TempDir,
}

fn caller() -> Caller {
    Caller { who: "an".into(), address: "192.0.2.1".into() }
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config::load(&folder.path().join("data"), None).unwrap();
        config.journal.disk_free_bytes_min = 0;
        let clock = SetClock::at("2026-11-22T10:00:00Z".parse().unwrap());
        let kept = Kept::open(&config, clock.clock()).await.unwrap();
        let tables = kept.control(&config, 7443).agencies;
        Self { kept, tables, _folder: folder }
    }

    async fn enrol(&self, agency: &str, name: &str) {
        let token = self.kept.fleet.create_token(agency, 1, None, "test").await.unwrap();
        let application = Application {
            token,
            hostname: name.to_owned(),
            fingerprint: "home".into(),
            os: "Debian".into(),
            version: "0.1.0".into(),
            key_hash: Sha256::digest(format!("{agency}{name}")).into(),
        };
        let expires = "2027-01-01T00:00:00Z".parse().unwrap();
        let signed = |_| Ok(crate::pki::Signed { certificate: String::new(), expires });
        self.kept.fleet.enrol(&application, signed).await.unwrap();
    }

    async fn preview(&self, what: What, text: &str) -> Preview {
        self.tables.preview_import(what, text.as_bytes(), &Agencies::All).await.unwrap()
    }

    async fn import(&self, what: What, text: &str) -> Result<Preview, reorganise::Error> {
        self.tables.import(what, text.as_bytes(), None, &Agencies::All, &caller()).await
    }

    async fn out(&self, what: What, format: Format, is_vietnamese: bool) -> Vec<u8> {
        let (store, fleet) = (&self.kept.store, &self.kept.fleet);
        write(store, fleet, what, &Agencies::All, format, is_vietnamese).await.unwrap()
    }
}

fn wrong(preview: &Preview) -> Vec<(usize, &str, Wrong)> {
    preview.mistakes.iter().map(|one| (one.line, one.column.as_str(), one.wrong)).collect()
}

#[tokio::test]
async fn agencies_come_in_whole_or_not_at_all_and_every_mistake_is_told() {
    let world = World::new().await;
    let bad = "code,name,parent\nA,Sở A,\nA,again,\nB C,name,\nD,,\nE,e,NONE\nF,f,G\nG,g,F\nH,h\n";
    let preview = world.preview(What::Agencies, bad).await;
    assert_eq!(
        wrong(&preview),
        [
            (3, "code", Wrong::Twice),
            (4, "code", Wrong::Value),
            (5, "name", Wrong::Value),
            (6, "parent", Wrong::Agency),
            (7, "parent", Wrong::Circle),
            (8, "parent", Wrong::Circle)
        ]
    );
    let error = world.import(What::Agencies, bad).await.unwrap_err();
    assert!(error.to_string().contains("line 6, parent: \"NONE\""), "{error}");
    assert_eq!(world.kept.fleet.agencies(&Agencies::All).await.unwrap().len(), 1);
    let good = "parent,name,code\nA,\"Xã, C\",C\nLOCAL,Sở A,A\n,Tỉnh,LOCAL\n";
    let preview = world.preview(What::Agencies, good).await;
    assert_eq!((preview.added, preview.changed, preview.same), (2, 1, 0));
    assert_eq!(world.import(What::Agencies, good).await.unwrap(), preview);
    let again = world.preview(What::Agencies, good).await;
    assert_eq!((again.added, again.changed, again.same), (0, 0, 3));
    let views = world.kept.fleet.agencies(&Agencies::All).await.unwrap();
    let found: Vec<(&str, &str)> =
        views.iter().map(|view| (&*view.agency.code, &*view.agency.name)).collect();
    assert_eq!(found, [("A", "Sở A"), ("C", "Xã, C"), ("LOCAL", "Tỉnh")]);
}

#[tokio::test]
async fn what_has_changed_since_the_preview_is_not_overwritten() {
    let world = World::new().await;
    let table = "code,name,parent\nLOCAL,Tỉnh,\n";
    let mark = world.preview(What::Agencies, table).await.mark;
    world.import(What::Agencies, "code,name,parent\nLOCAL,Khác,\n").await.unwrap();
    let late = world
        .tables
        .import(What::Agencies, table.as_bytes(), Some(&mark), &Agencies::All, &caller())
        .await;
    assert!(matches!(late, Err(reorganise::Error::Exchange(Error::Changed))), "{late:?}");
    assert_eq!(world.kept.fleet.agency("LOCAL").await.unwrap().name, "Khác");
    let mark = world.preview(What::Agencies, table).await.mark;
    world
        .tables
        .import(What::Agencies, table.as_bytes(), Some(&mark), &Agencies::All, &caller())
        .await
        .unwrap();
    assert_eq!(world.kept.fleet.agency("LOCAL").await.unwrap().name, "Tỉnh");
}

#[tokio::test]
async fn systems_and_machines_come_in_and_go_out_and_nothing_changes_by_that() {
    let world = World::new().await;
    let systems = "code;name;level;owner;kind;approval;approved_on;contacts\n\
        HT1;Cổng;3;LOCAL;portal;approved;01/07/2026;\"A; trực; 0912; a@x.vn | B; ; ; \"\n\
        HT2;=1+1;2;LOCAL;;;;\n";
    let done = world.import(What::Systems, systems).await.unwrap();
    assert_eq!((done.added, done.changed), (2, 0));
    world.enrol("LOCAL", "pc-01").await;
    world.enrol("LOCAL", "pc-02").await;
    let machines = "hostname,person,support_end,systems\nPC-01,Chị Hoa,46022,HT1; HT2\npc-02,,,\n";
    let done = world.import(What::Machines, machines).await.unwrap();
    assert_eq!((done.changed, done.same), (1, 1), "{done:?}");
    let row = &done.rows[0];
    let changed: Vec<&str> = row.changes.iter().map(|one| one.column.as_str()).collect();
    assert_eq!(changed, ["person", "support_end", "systems"]);
    assert_eq!(row.changes[1].to, "2025-12-31");
    for what in [What::Agencies, What::Systems, What::Machines] {
        for (format, is_vietnamese) in
            [(Format::Csv, false), (Format::Csv, true), (Format::Xlsx, false), (Format::Xlsx, true)]
        {
            let file = world.out(what, format, is_vietnamese).await;
            let preview = world.tables.preview_import(what, &file, &Agencies::All).await.unwrap();
            assert_eq!((preview.added, preview.changed), (0, 0), "{what:?} {format:?} {preview:?}");
            assert_eq!(preview.mistakes, [], "{what:?} {format:?}");
        }
    }
}

#[tokio::test]
async fn mistakes_of_systems_and_machines_name_their_cells() {
    let world = World::new().await;
    world.kept.fleet.add_agency("B", "B", None).await.unwrap();
    world.enrol("LOCAL", "twin").await;
    world.enrol("B", "twin").await;
    let systems = "code,name,level,owner,kind,checked_on\nHT1,x,9,NONE,mailbox,32/1/2026\n";
    assert_eq!(
        wrong(&world.preview(What::Systems, systems).await),
        [
            (2, "level", Wrong::Value),
            (2, "owner", Wrong::Agency),
            (2, "kind", Wrong::Word),
            (2, "checked_on", Wrong::Day)
        ]
    );
    let machines = "hostname,systems,note\ntwin,,x\nnone,,x\n";
    assert_eq!(
        wrong(&world.preview(What::Machines, machines).await),
        [(2, "hostname", Wrong::Machine), (3, "hostname", Wrong::Machine)]
    );
    let machines = "hostname,agency,systems\ntwin,B,HT9\ntwin,B,\n";
    assert_eq!(
        wrong(&world.preview(What::Machines, machines).await),
        [(2, "systems", Wrong::System), (3, "hostname", Wrong::Twice)]
    );
    let header = "code,naem\nx,y\n";
    assert_eq!(
        wrong(&world.preview(What::Agencies, header).await),
        [(1, "naem", Wrong::Column), (1, "name", Wrong::Missing)]
    );
}
