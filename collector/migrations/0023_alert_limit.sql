-- How many alerts a rule has open on a machine is asked whenever it makes another.
CREATE INDEX alert_unclosed_of_rule ON alert (agent, rule) WHERE state <> 'closed';
