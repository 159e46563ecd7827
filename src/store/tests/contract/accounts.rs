//! `Users` and `Roles`.

use margay_domain::{
    id::{RoleId, UserId},
    ports::StoreError,
    role::{BuiltInRole, LogTypeAccess, Role},
    rules::Permission,
    user::User,
};
use margay_store::Store;

use crate::{
    fixtures::{NOW, later, password, user},
    harness::at_once,
};

checks! {
    built_in_roles_follow_the_version,
    roles_are_made_and_changed,
    people_are_made_and_found,
    one_person_is_the_first,
    people_change,
    what_no_database_takes_is_replaced,
}

async fn built_in_roles_follow_the_version(store: Store) {
    let roles = store.roles();
    roles.ensure_built_in(NOW).await.unwrap();
    roles.ensure_built_in(later(60)).await.unwrap();
    let stored = roles.list().await.unwrap();
    let expected: Vec<Role> = BuiltInRole::ALL.into_iter().map(|built_in| built_in.role(NOW)).collect();
    assert_eq!(stored, expected, "in the order of names, and a second start changes nothing");
}

async fn roles_are_made_and_changed(store: Store) {
    let roles = store.roles();
    roles.ensure_built_in(NOW).await.unwrap();
    let mut role = Role {
        id: RoleId::new("rol_1"),
        name: "Hunters".to_owned(),
        permissions: [Permission::AlertRead].into_iter().collect(),
        log_types: LogTypeAccess::Allow(vec!["AWS.CloudTrail".to_owned()]),
        built_in: false,
        created_at: NOW,
        updated_at: NOW,
    };
    roles.create(&role).await.unwrap();
    assert_eq!(roles.get(&role.id).await.unwrap(), Some(role.clone()));
    assert_eq!(roles.find_by_name("Hunters").await.unwrap(), Some(role.clone()));
    assert_eq!(roles.find_by_name("hunters").await.unwrap(), None);

    let namesake = Role { id: RoleId::new("rol_2"), ..role.clone() };
    assert!(matches!(roles.create(&namesake).await, Err(StoreError::Conflict(_))));
    let renamed = Role { name: "Admin".to_owned(), ..role.clone() };
    assert!(matches!(roles.update(&renamed).await, Err(StoreError::Conflict(_))));

    role.log_types = LogTypeAccess::DenyAll;
    role.permissions.insert(Permission::RuleRead);
    role.updated_at = later(5);
    roles.update(&role).await.unwrap();
    assert_eq!(roles.get(&role.id).await.unwrap(), Some(role));

    let admin = BuiltInRole::Admin.role(later(5));
    assert!(matches!(roles.update(&admin).await, Err(StoreError::NotFound(_))));
    assert_eq!(roles.get(&RoleId::new("rol_9")).await.unwrap(), None);
}

async fn people_are_made_and_found(store: Store) {
    let users = store.users();
    store.roles().ensure_built_in(NOW).await.unwrap();
    let (ana, bo) = (user("ana"), user("bo"));
    users.create(&bo, None).await.unwrap();
    users.create(&ana, Some(&password("ana"))).await.unwrap();
    assert_eq!(users.count().await.unwrap(), 2);
    assert_eq!(users.list().await.unwrap(), [ana.clone(), bo.clone()]);
    assert_eq!(users.get(&ana.id).await.unwrap(), Some(ana.clone()));
    assert_eq!(users.get(&UserId::new("usr_nobody")).await.unwrap(), None);
    assert_eq!(users.find_by_email("ana@example.com").await.unwrap(), Some((ana, Some(password("ana")))));
    assert_eq!(users.find_by_email("bo@example.com").await.unwrap(), Some((bo, None)));
    assert_eq!(users.find_by_email("cy@example.com").await.unwrap(), None);

    let namesake = User { id: UserId::new("usr_other"), ..user("ana") };
    assert!(matches!(users.create(&namesake, None).await, Err(StoreError::Conflict(_))));
    let lost = User { role_id: RoleId::new("rol_9"), ..user("cy") };
    assert!(matches!(users.create(&lost, None).await, Err(StoreError::NotFound("role"))));
    assert_eq!(users.count().await.unwrap(), 2);
}

async fn one_person_is_the_first(store: Store) {
    store.roles().ensure_built_in(NOW).await.unwrap();
    let made = at_once(20, |number| {
        let users = store.users();
        async move { users.create_first(&user(&format!("admin{number}")), &password("x")).await.unwrap() }
    })
    .await;
    assert_eq!(made.into_iter().filter(|made| *made).count(), 1);
    assert_eq!(store.users().count().await.unwrap(), 1);
    assert!(!store.users().create_first(&user("late"), &password("x")).await.unwrap());
}

async fn people_change(store: Store) {
    let users = store.users();
    store.roles().ensure_built_in(NOW).await.unwrap();
    let ana = user("ana");
    users.create(&ana, Some(&password("old"))).await.unwrap();

    users.set_role(&ana.id, &RoleId::new("Admin")).await.unwrap();
    users.set_enabled(&ana.id, false).await.unwrap();
    users.signed_in(&ana.id, later(7)).await.unwrap();
    users.set_password(&ana.id, &password("new")).await.unwrap();
    let expected =
        User { role_id: RoleId::new("Admin"), enabled: false, last_signed_in_at: Some(later(7)), ..ana.clone() };
    assert_eq!(users.find_by_email(&ana.email).await.unwrap(), Some((expected, Some(password("new")))));
    users.set_enabled(&ana.id, true).await.unwrap();
    assert!(users.get(&ana.id).await.unwrap().unwrap().enabled);

    assert!(matches!(users.set_role(&ana.id, &RoleId::new("rol_9")).await, Err(StoreError::NotFound("role"))));
    let nobody = UserId::new("usr_nobody");
    let admin = RoleId::new("Admin");
    assert!(matches!(users.set_role(&nobody, &admin).await, Err(StoreError::NotFound("user"))));
    assert!(matches!(users.set_enabled(&nobody, false).await, Err(StoreError::NotFound("user"))));
    assert!(matches!(users.set_password(&nobody, &password("x")).await, Err(StoreError::NotFound("user"))));
    assert!(matches!(users.signed_in(&nobody, NOW).await, Err(StoreError::NotFound("user"))));
}

async fn what_no_database_takes_is_replaced(store: Store) {
    let users = store.users();
    store.roles().ensure_built_in(NOW).await.unwrap();
    let odd = User { given_name: "A\0na".to_owned(), family_name: "Ünïcødé 🐆".to_owned(), ..user("ana") };
    users.create(&odd, None).await.unwrap();
    let stored = users.get(&odd.id).await.unwrap().unwrap();
    assert_eq!((stored.given_name.as_str(), stored.family_name.as_str()), ("A\u{fffd}na", "Ünïcødé 🐆"));
    assert_eq!(users.find_by_email("ana@example.com\0").await.unwrap(), None);
    assert_eq!(users.get(&UserId::new("\0")).await.unwrap(), None);
    // Text that looks like SQL is text.
    assert_eq!(users.find_by_email("' OR 1=1 --").await.unwrap(), None);
}
