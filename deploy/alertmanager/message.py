"""The words of a message: what Alertmanager makes of the alerts of one CMO."""

from pathlib import Path
from typing import Final

from deploy.prometheus.rule import CLEARED

TEMPLATE: Final = Path("deploy/alertmanager/cmowatch.tmpl")

_MADE: Final = (
    "{{/* Made from deploy/alertmanager/message.py by `cmowatch render`; change it there. */}}\n"
)

_SUBJECT: Final = f"""\
{{{{ define "cmowatch.subject" -}}}}
[{{{{ if eq .CommonLabels.alertname "{CLEARED}" }}}}{{{{ .Alerts | len }}}} cleared\
{{{{ else }}}}{{{{ if eq .CommonLabels.severity "critical" }}}}PAGE, {{{{ end }}}}\
{{{{ .Alerts | len }}}} firing{{{{ end }}}}] \
{{{{ with .GroupLabels.cmo }}}}{{{{ . }}}}{{{{ else }}}}cmowatch{{{{ end }}}}: \
{{{{ if eq (len .Alerts) 1 }}}}{{{{ (index .Alerts 0).Annotations.summary }}}}\
{{{{ else }}}}{{{{ len .Alerts }}}} alerts{{{{ end }}}}
{{{{- end }}}}
"""

_TEXT: Final = """\
{{ define "cmowatch.text" -}}
{{ if gt (len .Alerts) 1 }}{{ range .Alerts -}}
- {{ .Annotations.summary }}
{{ end }}
{{ end }}{{ range .Alerts -}}
{{ .Annotations.summary }}

{{ .Annotations.description }}\
{{ with .Annotations.acknowledge_url }}Acknowledge: {{ . }}
{{ end }}{{ with .Annotations.dashboard_url }}Board: {{ . }}
{{ end }}{{ with .Annotations.runbook_url }}Runbook: {{ . }}
{{ end }}
{{ end }}
{{- end }}
"""


def template() -> str:
    """The file of templates that every receiver uses."""
    return "\n".join([_MADE, _SUBJECT, _TEXT])
