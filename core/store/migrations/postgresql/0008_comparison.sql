-- What a scan was compared with, and what came of it. All NULL: with nothing.
ALTER TABLE scan_results ADD COLUMN base TEXT;
ALTER TABLE scan_results ADD COLUMN base_sha TEXT;
ALTER TABLE scan_results ADD COLUMN merge_base TEXT;
ALTER TABLE scan_results ADD COLUMN new_findings BIGINT;
ALTER TABLE scan_results ADD COLUMN unchanged BIGINT;
