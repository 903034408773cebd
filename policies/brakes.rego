# Who behaves strangely gets less. The thresholds are in data.json.
package portcullis.brakes

import rego.v1

# As a person or a program in use behaves.
steady if {
	input.behaviour.distinct_prompts <= data.brakes.distinct_prompts
	input.behaviour.requests_per_minute <= data.brakes.requests_per_minute
}

# Who is refused again and again is looking for a door.
patient if input.behaviour.refusals <= data.brakes.refusals

# What is left to who is not steady.
remaining := data.brakes.remaining

slowed contains {"code": "brake.steady", "text": "too many requests or different prompts; reduced for now"}

reasons contains {"code": "brake.refusals", "text": "refused too often; wait a minute"} if not patient
