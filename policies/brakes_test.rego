package portcullis.brakes_test

import rego.v1

calm := {"distinct_prompts": 300, "requests_per_minute": 1200, "refusals": 60}

test_up_to_the_thresholds_nothing_happens if {
	data.portcullis.brakes.steady with input.behaviour as calm
	data.portcullis.brakes.patient with input.behaviour as calm
}

test_one_prompt_more_is_braked if {
	not data.portcullis.brakes.steady with input.behaviour as object.union(calm, {"distinct_prompts": 301})
}

test_one_request_more_is_braked if {
	not data.portcullis.brakes.steady with input.behaviour as object.union(calm, {"requests_per_minute": 1201})
}

test_who_is_refused_too_often_waits if {
	knocking := object.union(calm, {"refusals": 61})
	not data.portcullis.brakes.patient with input.behaviour as knocking
	some reason in data.portcullis.brakes.reasons with input.behaviour as knocking
	reason.code == "brake.refusals"
}

test_what_is_left_is_the_least if data.portcullis.brakes.remaining == ["generate:basic"]

test_who_is_slowed_is_told if count(data.portcullis.brakes.slowed) == 1
