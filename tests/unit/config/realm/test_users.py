"""Realms: the forms in which they are written, how files are put together, and the sugar."""

from __future__ import annotations

import json
from time import process_time

import pytest

from reconciler.config import Sources, load
from reconciler.core.message.errors import ConfigError
from reconciler.core.resource.values import Secret


@pytest.fixture
def realms(tmp_path):
    def realms(*texts, environment=None):
        files = []
        for number, text in enumerate(texts):
            file = tmp_path / (f"{number}.json" if text.startswith(("{", "[")) else f"{number}.yaml")
            file.write_text(text, encoding="utf-8")
            files.append(file)
        return load(
            Sources(directory=tmp_path, users_files=tuple(files), environment=environment or {})
        ).document.realms

    return realms


@pytest.mark.parametrize(
    "text",
    [
        "realm: a\nenabled: true\n---\nrealm: b\n",
        "- {realm: a, enabled: true}\n- {realm: b}\n",
        "realms:\n  - {realm: a, enabled: true}\n  - {realm: b}\n",
        '[{"realm": "a", "enabled": true}, {"realm": "b"}]',
        '{"realms": [{"realm": "a", "enabled": true}, {"realm": "b"}]}',
        "x-a: &on {enabled: true}\nrealms:\n  - {realm: a, <<: *on}\n  - {realm: b}\n",
    ],
)
def test_a_file_holds_one_realm_or_several(realms, text):
    assert realms(text) == ({"realm": "a", "enabled": True}, {"realm": "b"})


def test_sugar_becomes_what_keycloak_says(realms):
    (realm,) = realms(
        "realm: r\ngroups: [{name: g, subGroups: [{name: s}]}]\n"
        "roles: {realm: [{name: x}], client: {app: [{name: y}]}}\nusers:\n"
        "  - {username: Alice, password: pw, groups: [g, /g/s], roles: [x, app/y], realmRoles: [offline_access]}\n"
        "  - {username: bob, roles: [account/view-profile]}\n"
        "  - {username: carol, roles: [], groups: []}\n"
        "  - {username: dave}\n"
    )

    assert realm["users"] == (
        {
            "username": "alice",
            "credentials": ({"type": "password", "value": Secret("pw"), "temporary": False},),
            "groups": ("/g", "/g/s"),
            "realmRoles": ("offline_access", "x"),
            "clientRoles": {"app": ("y",)},
        },
        {"username": "bob", "clientRoles": {"account": ("view-profile",)}},
        {"username": "carol", "realmRoles": (), "groups": ()},
        {"username": "dave"},
    )


def test_files_are_put_together_by_realm_and_natural_key(realms):
    (realm,) = realms(
        "realm: r\ndisplayName: first\nclients:\n  - {clientId: a, name: A, redirectUris: [x, y]}\n  - {clientId: b}\n"
        "groups: [{name: g}]\nusers: [{username: Alice, email: a@x.org}]\n",
        "realm: r\nclients:\n  - {clientId: c}\n  - {clientId: a, enabled: true, redirectUris: [z]}\n"
        "users: [{username: alice, firstName: A}, {username: bob}]\n",
    )

    assert realm["displayName"] == "first"
    assert realm["groups"] == ({"name": "g"},)
    assert realm["clients"] == (
        {"clientId": "a", "name": "A", "redirectUris": ("z",), "enabled": True},
        {"clientId": "b"},
        {"clientId": "c"},
    )
    assert realm["users"] == (
        {"username": "alice", "email": "a@x.org", "firstName": "A"},
        {"username": "bob"},
    )


def test_an_empty_section_of_a_later_file_takes_nothing_away(realms):
    (realm,) = realms("realm: r\nclients: [{clientId: a}]\n", "realm: r\nclients: []\n")

    assert realm["clients"] == ({"clientId": "a"},)


def test_where_addresses_are_names_a_user_needs_no_other(realms):
    (realm,) = realms(
        "realm: r\nregistrationEmailAsUsername: true\nusers: [{email: Ann@x.org}, {username: B@x.org, email: b@x.org}]",
        "realm: r\nusers: [{email: ann@x.org, firstName: Ann}]\n",
    )

    assert realm["users"] == (
        {"username": "ann@x.org", "email": "ann@x.org", "firstName": "Ann"},
        {"username": "b@x.org", "email": "b@x.org"},
    )


@pytest.mark.parametrize(
    "spelling", ["01234", "1.10", "0x1F", "1e3", "49", "1.5", "-0", "yes", "NO", "true", "2024-01-02"]
)
def test_a_text_is_what_is_written_wherever_one_is_wanted(realms, spelling):
    text = f"""
realm: r
displayName: {spelling}
attributes: {{any: {spelling}}}
smtpServer: {{user: {spelling}}}
clients:
  - clientId: {spelling}
    attributes: {{zip: {spelling}}}
    redirectUris: [{spelling}]
    protocolMappers: [{{name: {spelling}, protocol: p, protocolMapper: m, config: {{claim: {spelling}}}}}]
groups: [{{name: {spelling}, attributes: {{a: [{spelling}, x], b: {spelling}}}}}]
components: {{type: [{{name: {spelling}, providerId: p, config: {{a: [{spelling}]}}}}]}}
localizationTexts: {{en: {{key: {spelling}}}}}
users: [{{username: user{spelling}, lastName: {spelling}, password: {spelling}, attributes: {{a: [{spelling}]}}}}]
"""

    (realm,) = realms(text)

    as_text = {True: "true", False: "false"}

    def plain(value):
        return as_text[value] if isinstance(value, bool) else str(value)  # what the provider makes of maps of texts

    (client,), (user,), (group,) = realm["clients"], realm["users"], realm["groups"]
    assert realm["displayName"] == client["clientId"] == group["name"] == user["lastName"] == spelling
    assert client["redirectUris"] == (spelling,)
    assert group["attributes"]["a"] == (spelling, "x")
    assert user["attributes"] == {"a": (spelling,)}
    assert user["credentials"][0]["value"] == Secret(spelling)
    assert realm["components"]["type"][0]["config"] == {"a": (spelling,)}
    maps = (realm["attributes"]["any"], client["attributes"]["zip"], client["protocolMappers"][0]["config"]["claim"])
    assert {*map(plain, maps), plain(realm["localizationTexts"]["en"]["key"])} == {spelling}


def test_numbers_and_truth_values_are_such_where_they_are_wanted_in_every_spelling(realms):
    (realm,) = realms("realm: r\nenabled: True\naccessTokenLifespan: 0x1F\nrememberMe: FALSE\nfailureFactor: 1_000\n")

    assert realm == {
        "realm": "r",
        "enabled": True,
        "accessTokenLifespan": 31,
        "rememberMe": False,
        "failureFactor": 1000,
    }


def test_numbers_of_json_keep_their_spelling_as_well(realms):
    (realm,) = realms(
        '{"realm": "r", "attributes": {"a": 1.10, "b": 1e3, "c": 5}, "users": [{"username": 7, "lastName": 1.50}]}'
    )

    assert realm["attributes"] == {"a": "1.10", "b": "1e3", "c": 5}
    assert realm["users"] == ({"username": "7", "lastName": "1.50"},)


COMBINATIONS = {
    "duplicateEmailsAllowed: true\nloginWithEmailAllowed: true\n": "3:1: Keycloak keeps `loginWithEmailAllowed`",
    "duplicateEmailsAllowed: 'true'\nregistrationEmailAsUsername: true\n": "3:1: .*`registrationEmailAsUsername`",
    "clients: [{clientId: a, authorizationServicesEnabled: true, serviceAccountsEnabled: false}]\n": "2:61: ",
    "clients: [{clientId: a, authorizationServicesEnabled: true, publicClient: true}]\n": "2:61: ",
    "clients: [{clientId: a, authorizationServicesEnabled: true, bearerOnly: true}]\n": "2:61: ",
    "clients: [{clientId: a, secret: null}]\n": "2:25: `secret` can't be unset",
    "registrationEmailAsUsername: true\nusers: [{username: Ann, email: a@x.org}]\n": "3:10: .*`Ann` by the address",
    "internationalizationEnabled: false\nusers: [{username: a, attributes: {locale: [de]}}]\n": "3:36: .*`locale`",
    "sslRequired: some\n": "2:1: `sslRequired` must be one of all, external, none, but is `some`",
    "bruteForceStrategy: linear\n": "2:1: `bruteForceStrategy` must be one of LINEAR, MULTIPLE, but is `linear`",
    "userProfile: {unmanagedAttributePolicy: DISABLED}\n": "2:15: `unmanagedAttributePolicy` must be one of ENABLED, ",
}


@pytest.mark.parametrize("text", COMBINATIONS)
def test_what_can_not_be_true_together_is_an_error_at_its_line(realms, text):
    with pytest.raises(ConfigError, match=COMBINATIONS[text]):
        realms(f"realm: r\n{text}")


@pytest.mark.parametrize(
    "text",
    [
        "realm: r\nduplicateEmailsAllowed: true\nloginWithEmailAllowed: false\n",
        "realm: r\nduplicateEmailsAllowed: false\nloginWithEmailAllowed: true\n",
        "realm: r\nclients: [{clientId: a, authorizationServicesEnabled: true, publicClient: false}]\n",
        "realm: r\nclients: [{clientId: a, publicClient: true, secret: null}]\n",
        "realm: r\nclients: [{clientId: a, bearerOnly: true, secret: null}]\n",
        "realm: r\nclients: [{clientId: realm-management, authorizationServicesEnabled: true, bearerOnly: true}]\n",
        "realm: r\nregistrationEmailAsUsername: true\nusers: [{username: A@x.org, email: a@X.org}, {username: b}]\n",
        "realm: r\nusers: [{username: a, attributes: {locale: [de]}}]\n",
        "realm: r\nsslRequired: ' External '\nbruteForceStrategy: ' LINEAR '\n",
        "realm: r\nsslRequired: ''\nbruteForceStrategy: null\nuserProfile: {unmanagedAttributePolicy: null}\n",
        "realm: r\nsmtpServer: {host: m, auth: 'TRUE', user: me, password: x}\n",
        "realm: r\ninternationalizationEnabled: false\nusers: [{username: a, attributes: {locale: []}}]\n",
        "{realm: r, internationalizationEnabled: false, userProfile: {attributes: [{name: locale}]}, users: [*u]}",
    ],
)
def test_what_can_be_true_together_is_no_error(realms, text):
    assert realms(text.replace("*u", "{username: a, attributes: {locale: [de]}}"))


@pytest.mark.parametrize("auth", ["", ", auth: false", ", auth: 'false'", ", auth: ''", ", auth: ' true '"])
def test_an_account_for_a_mail_server_that_wants_none_is_a_warning(tmp_path, auth):
    file = tmp_path / "users.yaml"
    file.write_text(f"realm: r\nsmtpServer: {{host: m, user: me, password: abc{auth}}}\n", encoding="utf-8")

    loaded = load(Sources(directory=tmp_path, users_files=(file,)))

    said = "has no effect: Keycloak keeps it only with `auth: true`"
    assert [each.message for each in loaded.warnings] == [f"`user` {said}", f"`password` {said}"]


def test_addresses_may_be_those_of_two_users_where_the_realm_lets_them(realms):
    users = "users: [{username: a, email: x@x.org}, {username: b, email: X@x.org}, {username: c}, {username: d}]\n"

    assert realms("realm: r\nduplicateEmailsAllowed: true\n" + users)
    with pytest.raises(ConfigError, match="2:54: user `a` has the e-mail address"):
        realms("realm: r\n" + users)


def test_keys_of_older_releases_mean_what_the_server_keeps_them_as(realms):
    (realm,) = realms(
        "realm: r\nidentityProviders:\n  - {alias: a, config: {hideOnLoginPage: 'true', x: y}}\n"
        "  - {alias: b, hideOnLogin: false, config: {hideOnLoginPage: 'true'}}\n  - {alias: c, config: {}}\n"
        "users: [{username: u, email: e@x.org, attributes: {email: [f@x.org], firstName: F, username: [v], n: [m]}}]\n"
    )

    assert realm["identityProviders"] == (
        {"alias": "a", "hideOnLogin": "true", "config": {"x": "y"}},
        {"alias": "b", "hideOnLogin": False, "config": {}},
        {"alias": "c", "config": {}},
    )
    (user,) = realm["users"]
    assert user == {"username": "u", "email": "e@x.org", "firstName": "F", "attributes": {"n": ("m",)}}


def test_default_roles_of_old_exports_are_a_section_of_their_own(realms):
    (realm,) = realms(
        "realm: r\ndefaultRoles: [a, offline_access]\nroles: {realm: [{name: a}], client: {app: [{name: b}]}}\n"
        "clients: [{clientId: app, defaultRoles: [b]}, {clientId: other, defaultRoles: []}, {clientId: third}]\n"
    )

    assert realm["clients"] == ({"clientId": "app"}, {"clientId": "other"}, {"clientId": "third"})
    assert realm["defaultRoles"] == {
        "realmRoles": ("a", "offline_access"),
        "clientRoles": {"app": ("b",), "other": ()},
    }


def test_default_roles_of_clients_alone_say_nothing_of_the_realm(realms):
    (realm,) = realms("realm: r\nclients: [{clientId: account, defaultRoles: [view-profile]}]\n")

    assert realm["defaultRoles"] == {"clientRoles": {"account": ("view-profile",)}}


@pytest.mark.parametrize(("named", "role"), [("", "default-roles-r"), ("defaultRole: {name: base}\n", "base")])
def test_default_roles_are_put_to_the_composites_of_the_default_role_where_these_are_declared(realms, named, role):
    (realm,) = realms(
        f"realm: R\n{named}defaultRoles: [a, b]\nclients: [{{clientId: app, defaultRoles: [c]}}]\n"
        f"roles: {{realm: [{{name: {role}, composites: {{realm: [b], client: {{account: [view-profile]}}}}}},"
        " {name: a}, {name: b}], client: {app: [{name: c}]}}\n"
    )

    assert "defaultRoles" not in realm
    assert realm["roles"]["realm"] == (
        {"name": role, "composites": {"realm": ("b", "a"), "client": {"account": ("view-profile",), "app": ("c",)}}},
        {"name": "a"},
        {"name": "b"},
    )


def test_a_default_role_without_composites_leaves_default_roles_alone(realms):
    (realm,) = realms("realm: r\ndefaultRoles: null\nroles: {realm: [{name: default-roles-r, description: All}]}\n")

    assert realm["defaultRoles"] == {"realmRoles": ()}


def test_null_and_empty_are_kept(realms):
    (realm,) = realms("realm: r\ndisplayName: null\nclients: [{clientId: a, redirectUris: [], attributes: {}}]\n")

    assert realm == {
        "realm": "r",
        "displayName": None,
        "clients": ({"clientId": "a", "redirectUris": (), "attributes": {}},),
    }


def test_settings_of_the_file_are_no_part_of_the_realm_but_those_of_objects_are(realms):
    (realm,) = realms(
        "realm: r\nx-reconcile: {connection: {url: http://k}, secrets: [A], ignore: [/displayName]}\n"
        "clients: [{clientId: a, x-reconcile: {ignore: [/name]}}]\n"
    )

    assert realm["x-reconcile"] == {"ignore": ("/displayName",)}
    assert realm["clients"][0]["x-reconcile"] == {"ignore": ("/name",)}


def test_variables_may_be_written_as_keycloak_config_cli_has_them(realms):
    (realm,) = realms(
        "realm: r\ndisplayName: $(env:TITLE:-Shop) $(document) ${role_x}\nverifyEmail: $(sys:VERIFY)\n"
        "clients: [{clientId: a, name: $$(env:X), baseUrl: /$(env:CLIENT_SECRET)}]\n",
        environment={"VERIFY": "true", "CLIENT_SECRET": "s"},
    )

    assert realm["displayName"] == "Shop $(document) ${role_x}"
    assert realm["verifyEmail"] == "true"
    assert realm["clients"] == ({"clientId": "a", "name": "$(env:X)", "baseUrl": Secret("/s")},)


def test_only_names_in_capitals_are_variables(realms):
    (realm,) = realms(
        "realm: r\nclients:\n  - clientId: a\n    name: ${client_account}\n    secret: ${vault.x}\n"
        "    rootUrl: http://localhost:${PORT:-80}\n    description: $${PORT} $$ $PORT\n",
        environment={"PORT": "5000"},
    )

    assert realm["clients"] == (
        {
            "clientId": "a",
            "name": "${client_account}",
            "secret": Secret("${vault.x}"),
            "rootUrl": "http://localhost:5000",
            "description": "${PORT} $$ $PORT",
        },
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"realm": "r", "users": [}',
        '{"realm": "r", "accessTokenLifespan": NaN}',
        '{"realm": "r"} trailing',
    ],
)
def test_json_that_is_wrong_is_told_with_its_place(realms, text):
    with pytest.raises(ConfigError, match=r"^0\.json:1:\d+: "):
        realms(text)


def test_of_a_key_that_json_has_twice_the_last_counts_and_it_is_told(tmp_path):
    text = '{\n\t"realm": "r",\n\t"users": [{"username": "ann", "enabled": false, "enabled": true}],\n\t"realm": "s"\n}'
    (tmp_path / "r.json").write_text(text)

    loaded = load(Sources(directory=tmp_path, users_files=(tmp_path / "r.json",)))

    assert loaded.document.realms == ({"realm": "s", "users": ({"username": "ann", "enabled": True},)},)
    assert [str(each).partition(";")[0] for each in loaded.warnings] == [
        "r.json:3:50: the key `enabled` is already there in line 3",
        "r.json:4:2: the key `realm` is already there in line 2",
    ]


def test_json_may_be_indented_with_tabs_and_have_escapes(realms):
    text = json.dumps({"realm": "r", "displayName": 'é "x" \n \u2028 /'}, indent="\t")

    assert realms(text) == ({"realm": "r", "displayName": 'é "x" \n \u2028 /'},)


def test_of_many_users_the_wrong_ones_are_found(realms):
    users = "".join(f"  - {{username: user{number}, email: u{number}@x.org}}\n" for number in range(3_000))
    text = f"realm: r\nusers:\n{users}".replace("user1500, email", "user1500, emial").replace("user2999,", "user17,")

    with pytest.raises(ConfigError) as caught:
        realms(text)

    assert [str(problem) for problem in caught.value.problems] == [
        "0.yaml:1503:26: unknown key `emial` in users[1500]; did you mean `email`?",
        ("0.yaml:3002:5: users has `user17` (Keycloak usernames are case-insensitive) twice; keep one of the two"),
    ]


# ------------------------------------------------------------------ users from a further file


TABLE = """username,email,groups,roles,enabled,attributes.floor,password
Ann,ann@x.org,staff; /staff/night,viewer;app/reader,true,"1;2",${PW}

bob,,,,,,
"""


@pytest.fixture
def beside(tmp_path):
    def load_beside(users, **others):
        (tmp_path / "users.yaml").write_text(users, encoding="utf-8")
        for name, text in others.items():
            (tmp_path / name.replace("_", ".")).write_text(text, encoding="utf-8")
        files = (tmp_path / "users.yaml",)
        return load(Sources(directory=tmp_path, users_files=files, environment={"PW": "secret"})).document

    return load_beside


def test_users_may_come_from_a_table(beside):
    (realm,) = beside("realm: r\nusers: {from: people.csv}\n", people_csv=TABLE).realms

    assert realm["users"] == (
        {
            "username": "ann",
            "email": "ann@x.org",
            "enabled": "true",
            "attributes": {"floor": ("1", "2")},
            "credentials": ({"type": "password", "value": Secret("secret"), "temporary": False},),
            "groups": ("/staff", "/staff/night"),
            "realmRoles": ("viewer",),
            "clientRoles": {"app": ("reader",)},
        },
        {"username": "bob"},
    )


def test_users_may_come_from_a_list(beside):
    users = "realms:\n  - realm: r\n    users: {from: people.yaml}\n"

    document = beside(users, people_yaml="- username: ann\n- username: bob\n  email: b@x.org\n")

    assert [user["username"] for user in document.realms[0]["users"]] == ["ann", "bob"]
    assert str(document.locate(("realms", 0, "users", 1, "email"))) == "people.yaml:3:3"


def test_a_user_of_a_table_is_found_in_it(beside):
    document = beside("realm: r\nusers: {from: people.csv}\n", people_csv=TABLE)

    assert str(document.locate(("realms", 0, "users", 0, "email"))) == "people.csv:2:5"
    assert str(document.locate(("realms", 0, "users", 1))) == "people.csv:4:1"


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("usrname,email\n", "people.csv:1:1: unknown column `usrname`; did you mean `username`?"),
        ("email\n", "people.csv:1:1: lacks the column `username`; the first line has the names of the columns"),
        ("username\na,b\n", "people.csv:2:3: has 2 cells, but the first line names 1"),
        ("username,email\na\nb,b@x.org,c\n", "people.csv:2:1: has 1 cells, but the first line names 2"),
        ("username,email\na,a@x.org\nb,b@x.org,c\nd\n", "people.csv:3:11: has 3 cells, but the first line names 2"),
        ("username,email\na,nobody\n", "people.csv:2:3: `nobody` is no e-mail address"),
        ("username,email\na,A@x.org\nb,a@x.org\n", "people.csv:3:3: user `a` has the e-mail address `a@x.org` as well"),
        ("username,enabled\na,perhaps\n", "people.csv:2:3: users[0].enabled must be one of"),
        ('username,"attributes.a",enabled\na,"x,y",no\n', "people.csv:2:9: users[0].enabled must be one of"),
        ("username,emial\n", "people.csv:1:10: unknown column `emial`; did you mean `email`?"),
        ("username,password\nann,pw\nAnn,pw\n", "people.csv:3:1: users has `Ann`"),
        ('username\n"a\n', "people.csv:2:1: is not valid CSV"),
    ],
)
def test_mistakes_in_a_table_are_told_with_their_line(beside, table, problem):
    with pytest.raises(ConfigError) as caught:
        beside("realm: r\nusers: {from: people.csv}\n", people_csv=table)

    assert problem in str(caught.value)
    assert "pw" not in str(caught.value)


def test_many_users_of_a_table_are_found_without_looking_through_all_for_each(beside):
    count = 3000
    table = "username\n" + "".join(f"user{number}\n" for number in range(count))
    document = beside("realm: r\nusers: {from: people.csv}\n", people_csv=table)

    began = process_time()
    lines = [document.locate(("realms", 0, "users", number)).line for number in range(count)]

    assert lines == list(range(2, count + 2))
    assert process_time() - began < 5  # a tenth of a second; half a minute if each is compared with each


def test_a_list_of_something_else_is_told(beside):
    with pytest.raises(ConfigError, match=r"people.yaml:1:1: must be a list of users"):
        beside("realm: r\nusers: {from: people.yaml}\n", people_yaml="username: ann\n")
    with pytest.raises(ConfigError, match=r"users.yaml:2:15: nowhere.csv: no such file"):
        beside("realm: r\nusers: {from: nowhere.csv}\n")


OLD_PASSWORD = {
    "type": "password",
    "hashedSaltedValue": "aGFzaA==",
    "salt": "c2FsdA==",
    "hashIterations": 27500,
    "algorithm": "pbkdf2-sha256",
    "digits": 0,
    "config": {},
}
OLD_TOTP = {"type": "totp", "hashedSaltedValue": "s3cret", "digits": 6, "period": 30, "algorithm": "HmacSHA1"}


def test_credentials_of_exports_before_8_are_read_in_the_words_of_today(realms):
    (realm,) = realms(json.dumps({"realm": "r", "users": [{"username": "a", "credentials": [OLD_PASSWORD, OLD_TOTP]}]}))

    password, one_time = realm["users"][0]["credentials"]
    assert password.keys() == {"type", "secretData", "credentialData"}
    assert json.loads(password["secretData"].reveal()) == {"value": "aGFzaA==", "salt": "c2FsdA=="}
    assert json.loads(password["credentialData"]) == {"hashIterations": 27500, "algorithm": "pbkdf2-sha256"}
    assert one_time["type"] == "otp"
    assert json.loads(one_time["secretData"].reveal()) == {"value": "s3cret"}
    made = {"subType": "totp", "digits": 6, "period": 30, "algorithm": "HmacSHA1"}
    assert json.loads(one_time["credentialData"]) == made


CLIENTS = [
    {"clientId": "web", "defaultClientScopes": ["email"]},
    {"clientId": "saml", "protocol": "saml", "defaultClientScopes": ["role_list"]},
    {"clientId": "api", "bearerOnly": True, "defaultClientScopes": ["email"]},
    {"clientId": "silent"},
]


@pytest.mark.parametrize(
    ("version", "basic", "profile"),
    [
        ("8.0.1", True, True),
        ("23.0.7", True, True),
        ("24.0.1", True, False),
        ("25.0.0", False, False),
        ("26.7.3", False, False),
        (None, False, False),
    ],
)
def test_an_export_is_read_as_newer_releases_import_one_of_its_age(realms, version, basic, profile):
    scopes = ["email", "basic"] if basic else ["email"]
    users = [{"username": "a", "email": "a@example.org", "attributes": {"shoe": ["39"]}}]
    body = {"realm": "r", "clients": CLIENTS, "users": users, "defaultDefaultClientScopes": ["email"]}

    (realm,) = realms(json.dumps(body | ({"keycloakVersion": version} if version else {})))

    own = {client["clientId"]: client.get("defaultClientScopes") for client in realm["clients"]}
    assert own == {"web": tuple(scopes), "saml": ("role_list",), "api": ("email",), "silent": None}
    assert realm["defaultDefaultClientScopes"] == tuple(scopes)
    assert realm.get("userProfile") == ({"unmanagedAttributePolicy": "ENABLED"} if profile else None)


def test_a_profile_that_an_older_export_has_is_the_whole_truth(realms):
    users = [{"username": "a", "attributes": {"shoe": ["39"]}}]
    body = {"realm": "r", "keycloakVersion": "22.0.1", "users": users}

    (managed,) = realms(json.dumps({**body, "userProfile": {"attributes": []}}))
    (plain,) = realms(json.dumps({**body, "users": [{"username": "a", "attributes": {"email": ["a@example.org"]}}]}))

    assert managed["userProfile"] == {"attributes": ()}
    assert "userProfile" not in plain


def test_what_users_alone_can_say_is_told_to_have_no_effect(tmp_path):
    file = tmp_path / "users.yaml"
    file.write_text("realm: r\nusers:\n  - username: a\n    clientConsents: [{clientId: app}]\n  - username: b\n")

    loaded = load(Sources(directory=tmp_path, users_files=(file,)))

    (warning,) = loaded.warnings
    assert str(warning.origin) == "users.yaml:4:5"
    assert warning.message.startswith("`clientConsents` has no effect: only users themselves can give consent")


def test_the_service_account_that_a_client_once_had_is_told_to_be_left_out(tmp_path):
    file = tmp_path / "users.yaml"
    file.write_text(
        "realm: r\nclients:\n  - {clientId: Web, serviceAccountsEnabled: false}\n"
        "  - {clientId: realm-management, serviceAccountsEnabled: 'false', authorizationServicesEnabled: true}\n"
        "users:\n  - username: service-account-web\n  - username: service-account-realm-management\n"
    )

    loaded = load(Sources(directory=tmp_path, users_files=(file,)))

    (warning,) = loaded.warnings
    assert str(warning.origin) == "users.yaml:6:5"
    assert warning.message == (
        "user `service-account-web` is left out: "
        "client `Web` has no service account, by `serviceAccountsEnabled: false`"
    )


def test_roles_for_a_service_account_that_there_is_not_are_refused(realms):
    with pytest.raises(ConfigError, match="2:58: client `web` has no service account, by `serviceAccountsEnabled: fal"):
        realms(
            "realm: r\nclients: [{clientId: web, serviceAccountsEnabled: false, serviceAccountRoles: {realm: [a]}}]\n"
        )


def test_policies_may_apply_others_by_their_ids(realms):
    policies = [
        {"name": "all", "type": "aggregate", "config": {"applyPolicies": ["7"]}},
        {"id": "7", "name": "own", "type": "user"},
    ]
    client = {"clientId": "app", "authorizationSettings": {"policies": policies}}

    (realm,) = realms(json.dumps({"realm": "r", "clients": [client]}))

    assert len(realm["clients"][0]["authorizationSettings"]["policies"]) == 2
