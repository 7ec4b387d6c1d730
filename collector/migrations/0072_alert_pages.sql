-- Room `alert`: what lists, daily figures and the pages Antivirus and Anomalies ask for, so that a
-- million alerts are not read for two hundred rows.
CREATE INDEX alert_state_agency ON alert (state, agency, level, agent, silenced_until);
CREATE INDEX alert_raised ON alert (raised_at, agency, level);
CREATE INDEX alert_agency ON alert (agency, last_at DESC, number DESC);
-- Few of many: the queue. Only queries that say `state <> 'closed'` are served by it.
CREATE INDEX alert_queue ON alert (last_at DESC, number DESC, state, level, agency, silenced_until)
    WHERE state <> 'closed';
CREATE INDEX alert_anomaly ON alert (last_at DESC, number DESC, state)
    WHERE first_event ->> '$.kind' = 'log.anomaly';
CREATE INDEX alert_detection ON alert (last_at DESC, number DESC, state)
    WHERE first_event ->> '$.kind' = 'antivirus.detection';
