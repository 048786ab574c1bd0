#!/usr/bin/env bash
# Runs `reconcile diff` once and passes its reports to GitHub: annotations, job summary, comment and outputs.
set -uo pipefail

cd "${DIRECTORY:-.}" || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

read -ra arguments <<<"${ARGUMENTS:-}"
reports=(--report "markdown=$work/comment.md")
[ -n "${SARIF:-}" ] && reports+=(--report "sarif=$SARIF")

reconcile "${arguments[@]}" diff --format github "${reports[@]}"
code=$?

# The job summary takes any length that a comment does. A run that could not even start has no report.
touch "$work/comment.md"
cat "$work/comment.md" >>"$GITHUB_STEP_SUMMARY"
checksum=$(sed -n 's/^`reconcile apply --checksum \([0-9a-f]*\)`.*/\1/p' "$work/comment.md" | tail -n 1)
{
    echo "exit-code=$code"
    echo "changed=$([ "$code" = 2 ] && echo true || echo false)"
    echo "checksum=$checksum"
} >>"$GITHUB_OUTPUT"

# The comment is found again by its mark, and edited. A failing comment does not hide the result of the comparison.
comment() {
    local comments id
    { echo "$MARK"; cat "$work/comment.md"; } >"$work/body.md"
    comments="repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments"
    id=$(gh api --paginate "$comments" --jq '.[] | select(.body | startswith(env.MARK)) | .id' | head -n 1)
    if [ -n "$id" ]; then
        gh api --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$id" --field "body=@$work/body.md" --silent
    else
        gh api --method POST "$comments" --field "body=@$work/body.md" --silent
    fi
}
if [ "${COMMENT:-true}" = true ] && [ -n "${PULL_REQUEST:-}" ] && [ -s "$work/comment.md" ]; then
    export MARK="<!-- reconcile-action:${COMMENT_KEY:-${DIRECTORY:-.}} -->"
    comment || echo "::warning title=reconcile::The comment on the pull request could not be written."
fi

if [ "$code" = 2 ] && [ "${FAIL_ON_DIFFERENCE:-false}" != true ]; then
    exit 0
fi
exit "$code"
