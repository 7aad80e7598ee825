"""The public record: incidents that outsiders can check, the monthly report, why something was missed."""
