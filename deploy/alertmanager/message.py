"""The words of a message: what Alertmanager makes of the alerts of one CMO."""

from pathlib import Path
from typing import Final

from deploy.prometheus.rules import ESCALATED

TEMPLATE: Final = Path("deploy/alertmanager/cmowatch.tmpl")

_MADE: Final = (
    "{{/* Made from deploy/alertmanager/message.py by `cmowatch render`; change it there. */}}\n"
)

_SUBJECT: Final = """\
{{ define "cmowatch.subject" -}}
[{{ if eq .Status "firing" }}{{ if eq .CommonLabels.severity "critical" }}PAGE, {{ end }}\
{{ .Alerts.Firing | len }} firing{{ else }}resolved{{ end }}] \
{{ with .GroupLabels.cmo }}{{ . }}{{ else }}cmowatch{{ end }}: \
{{ if eq (len .Alerts) 1 }}{{ (index .Alerts 0).Annotations.summary }}\
{{ else }}{{ len .Alerts }} alerts{{ end }}
{{- end }}
"""

_TEXT: Final = f"""\
{{{{ define "cmowatch.text" -}}}}
{{{{ if gt (len .Alerts.Firing) 1 }}}}{{{{ range .Alerts.Firing -}}}}
- {{{{ .Annotations.summary }}}}
{{{{ end }}}}
{{{{ end }}}}{{{{ range .Alerts.Firing -}}}}
{{{{ .Annotations.summary }}}}

{{{{ .Annotations.description }}}}\
{{{{ with .Annotations.acknowledge_url }}}}Acknowledge: {{{{ . }}}}
{{{{ end }}}}{{{{ with .Annotations.dashboard_url }}}}Board: {{{{ . }}}}
{{{{ end }}}}{{{{ with .Annotations.runbook_url }}}}Runbook: {{{{ . }}}}
{{{{ end }}}}
{{{{ end }}}}{{{{ range .Alerts.Resolved -}}}}
{{{{ if eq .Labels.alertname "{ESCALATED}" }}}}Repeated so no more, taken on, eased or cleared\
{{{{ else }}}}Resolved{{{{ end }}}}: {{{{ .Annotations.summary }}}}
{{{{ end }}}}
{{{{- end }}}}
"""


def template() -> str:
    """The file of templates that every receiver uses."""
    return "\n".join([_MADE, _SUBJECT, _TEXT])
