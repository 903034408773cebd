package portcullis.agents_test

import rego.v1

task := {
	"requested": ["generate:basic", "mcp:call/github", "model:delete", "dataset:read"],
	"subject": {"scopes": ["generate:basic", "mcp:call", "model:delete"]},
	"actor": {"scopes": ["generate:basic", "mcp:call/github", "model:delete", "dataset:read"]},
	"client": {"agent": true, "scopes": ["generate:basic", "mcp:call", "model:delete", "dataset:read"]},
}

test_an_agent_gets_what_user_agent_and_task_allow if {
	data.portcullis.agents.granted == {"generate:basic", "mcp:call/github"} with input as task
}

test_an_agent_without_actor_token_is_held_by_its_registration if {
	alone := object.remove(task, ["actor"])
	data.portcullis.agents.granted == {"generate:basic", "mcp:call/github"} with input as alone
}

test_a_plain_client_is_held_by_user_and_client_alone if {
	plain := object.union(object.remove(task, ["actor"]), {"client": {"agent": false}})
	data.portcullis.agents.granted == {"generate:basic", "mcp:call/github", "model:delete"} with input as plain
}

test_a_name_that_only_begins_alike_is_not_covered if {
	data.portcullis.agents.covers("mcp:call", "mcp:call/git")
	not data.portcullis.agents.covers("mcp:call/git", "mcp:call/github")
	not data.portcullis.agents.covers("mcp:call/github", "mcp:call")
}

test_an_agent_does_not_delete_for_a_user if {
	request := {"caller": {"act": [{"sub": "agt_1"}]}, "resource": {"scopes": ["model:delete"]}}
	not data.portcullis.agents.restrained with input as request
	some reason in data.portcullis.agents.reasons with input as request
	reason.code == "agent.scope"
}

test_an_agent_generates_for_a_user if {
	data.portcullis.agents.restrained with input as {"caller": {"act": [{"sub": "agt_1"}]}, "resource": {"scopes": ["generate:basic"]}}
}

test_a_person_is_not_held_by_the_list_for_agents if {
	data.portcullis.agents.restrained with input as {"caller": {"act": []}, "resource": {"scopes": ["model:delete"]}}
}
