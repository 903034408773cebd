# An agent can do what the user, the agent and the task all allow, and never what only people may.
package portcullis.agents

import rego.v1

# A person acts, or whoever acts for them only asks for what agents may have.
restrained if count(input.caller.act) == 0

restrained if {
	every scope in input.resource.scopes {
		allowed(scope)
	}
}

# What an agent may ever hold: a list in data.json.
allowed(scope) if {
	some most in data.agents.scopes
	covers(most, scope)
}

# user ∩ agent ∩ task: asked for, and held by everyone who takes part.
granted contains scope if {
	some scope in input.requested
	held(input.subject.scopes, scope)
	agent(scope)
}

# Without an actor token the client acts itself, with its own scopes.
agent(scope) if {
	not input.actor
	not input.client.agent
	held(input.client.scopes, scope)
}

agent(scope) if {
	not input.actor
	input.client.agent
	held(input.client.scopes, scope)
	allowed(scope)
}

agent(scope) if {
	held(input.actor.scopes, scope)
	held(input.client.scopes, scope)
	allowed(scope)
}

held(scopes, scope) if {
	some most in scopes
	covers(most, scope)
}

# "mcp:call" covers "mcp:call/github"; "mcp:call/git" does not.
covers(most, scope) if most == scope

covers(most, scope) if startswith(scope, concat("", [most, "/"]))

reasons contains {"code": "agent.scope", "text": "only a person may do this, not an agent for them"} if not restrained
