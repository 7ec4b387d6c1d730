-- Room `alert`: what daily figures and the pages Antivirus and Anomalies ask for.
CREATE INDEX alert_state_agency ON alert (state, agency, level);
CREATE INDEX alert_raised ON alert (raised_at, agency, level);
CREATE INDEX alert_anomaly ON alert (last_at DESC, number DESC)
    WHERE first_event ->> '$.kind' = 'log.anomaly';
CREATE INDEX alert_detection ON alert (last_at DESC, number DESC)
    WHERE first_event ->> '$.kind' = 'antivirus.detection';
