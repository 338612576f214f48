"""What test_ci_github.py and test_ci_gitlab.py have, on PostgreSQL. Two nodes on one: test_ci_nodes.py."""
import unittest

import test_ci_github
import test_ci_gitlab
from on_postgresql import OnPostgreSQL


class Results(OnPostgreSQL, test_ci_github.Results):
    test_renamed_file = test_comment_over_the_limit = None  # nothing of it is the store's


class Order(OnPostgreSQL, test_ci_github.Order):
    pass


class Away(OnPostgreSQL, test_ci_github.Away):
    test_wrong_credential = None


class GitLab(OnPostgreSQL, test_ci_gitlab.MergeRequest):
    pass


if __name__ == "__main__":
    unittest.main()
